/**
 * Fills a database with a week of history, as a busy instance would have left it: dispatches, jobs, transitions, error
 * stacks, failed jobs in groups, retries, a large bulk operation, and samples in all three tiers. Made inside Postgres:
 * 100,000 dispatches take about half a minute.
 */
import { uuidv7 } from "../core/lifecycle/uuid.ts";
import type { Database } from "../db/client.ts";
import { maintainPartitions } from "../db/partitions.ts";

const DAYS = 7;
const DAY_MS = 86_400_000;
const RETENTION_DAYS = 30;
/** One in so many failed, in so many groups. */
const FAILED_EVERY = 20;
const GROUPS = 30;
const AGENTS = ["echo", "greeter", "triage", "survey"];
const ROOMS = 5_000;
/** Of the bulk operation; as many as one may have. */
const BULK_ITEMS = 10_000;

/** Uuids of version 7, of `at`, told apart by the row's number: they sort as real ones do. */
const ID = (at: string, tag: string) =>
  `overlay(md5('${tag}' || n) placing lpad(to_hex((extract(epoch from ${at}) * 1000)::bigint), 12, '0') || '7' from 1 for 13)::uuid`;

export async function seedHistory(database: Database, dispatches: number, now: Date): Promise<void> {
  for (let day = 0; day <= DAYS; day++) {
    await maintainPartitions(database, new Date(now.getTime() - day * DAY_MS), RETENTION_DAYS);
  }
  const sql = database.dedicated();
  const instance = uuidv7(now.getTime() - DAYS * DAY_MS);
  const end = `'${now.toISOString()}'::timestamptz`;
  try {
    await sql.unsafe(
      `insert into instances (id, hostname, pid, version, state, max_jobs, started_at, heartbeat_at, ended_at)
      values ('${instance}', 'gr-earlier', 1, '0.1.0', 'stopped', 40, ${end} - interval '${DAYS} days', ${end}, ${end})`,
    );
    await sql.unsafe(`create temporary table plan as select n, at, ${ID("at", "d")} as id, ${ID("at", "j")} as job_id,
        ('{${AGENTS.join(",")}}'::text[])[1 + n % ${AGENTS.length}] as agent, 'room-' || (n * 7919) % ${ROOMS} as room,
        (case when n % ${FAILED_EVERY} = 7 then 'failed' when n % 50 = 3 then 'cancelled' else 'succeeded' end) as state,
        (n / ${FAILED_EVERY}) % ${GROUPS} as failure, 60 + (n * 31) % 90 as ready_ms, 20 + (n * 17) % 600 as lasted_s
      from (select n, ${end} - n * (interval '${DAYS} days' / ${dispatches}) as at from generate_series(1, ${dispatches}) n) s`);
    for (const statement of statementsOf(instance)) await sql.unsafe(statement);
    for (const [tier, days] of [[5, 1], [60, DAYS + 1], [3_600, 30]] as const) {
      await sql.unsafe(samplesOf(instance, tier, days, end));
    }
    await sql.unsafe("analyze");
  } finally {
    await sql.end();
  }
}

function statementsOf(instance: string): string[] {
  const endedAt = "at + lasted_s * interval '1 second'";
  const readyAt = "at + ready_ms * interval '1 millisecond'";
  const message = "'Error: upstream ' || failure || ' answered ' || 500 + failure % 4 || ' for order ' || n";
  return [
    `insert into dispatches (id, agent, server, room, state, priority, placement, origin, metadata, attempts, rank_at,
        created_at, assigned_at, entered_at, connected_at, ready_at, ended_at, failure_code, failure_message, change_id)
      select id, agent, 'local', room, state::dispatch_state, 'normal', 'direct', 'rest',
        jsonb_build_object('customer', n % 2000, 'plan', 'basic', 'locale', 'en'), 1, at, at, at + interval '2 ms',
        at + interval '6 ms', at + interval '55 ms', ${readyAt}, ${endedAt}, case when state = 'failed' then 'exception' end,
        case when state = 'failed' then ${message} end, id from plan`,
    `update dispatches d set retry_of = other.id from plan p join plan other on other.n = p.n + ${FAILED_EVERY * 2} - 1
      where d.id = p.id and p.n % ${FAILED_EVERY * 4} = 8 and other.state = 'failed'`,
    `insert into jobs (id, dispatch_id, attempt, agent, server, room, state, instance_id, participant_identity, pid,
        lease_token, created_at, assigned_at, entered_at, connected_at, ready_at, ended_at, end_reason, failure_kind,
        failure_message, failure_fingerprint, change_id)
      select job_id, id, 1, agent, 'local', room, state::job_state, '${instance}', 'agent-' || n, 1000, id, at,
        at + interval '2 ms', at + interval '6 ms', at + interval '55 ms', ${readyAt}, ${endedAt},
        case state when 'failed' then null when 'cancelled' then 'cancelled' else 'entry_returned' end,
        case when state = 'failed' then 'exception' end, case when state = 'failed' then ${message} end,
        case when state = 'failed' then left(md5('failure ' || failure), 16) end, id from plan`,
    `insert into job_details (job_id, failure_stack)
      select job_id, ${message} || E'\\n' || repeat(E'    at handle (agents/echo.ts:31:7)\\n', 12) from plan where state = 'failed'`,
    `insert into bulk_operations (id, kind, state, request, actor, total, done, items_per_second, created_at, ended_at)
      select '${instance}', 'retry', 'done', '{"by":"ids","label":null,"origin":"rest"}', 'rest:bench', count(*), count(*), 50,
        max(at), max(at) from plan where n <= ${BULK_ITEMS}`,
    `insert into bulk_items (operation_id, position, dispatch_id, state, at)
      select '${instance}', n - 1, id, 'done', at from plan where n <= ${BULK_ITEMS}`,
    ...[["queued", "0 ms"], ["running", "6 ms"], ["ended", ""]].map(([to, after]) =>
      `insert into transitions (id, at, subject, dispatch_id, job_id, to_state, cause, actor, change_id)
        select md5('${to}' || n)::uuid, ${after === "" ? endedAt : `at + interval '${after}'`}, 'dispatch', id, null,
          ${to === "ended" ? "state" : `'${to}'`}, 'bench', 'rest:bench', id from plan`
    ),
  ];
}

/** Samples like those of one instance: whole instance, each agent, latencies. */
function samplesOf(instance: string, tier: number, days: number, end: string): string {
  const gauge = (metric: string, value: string, agent = "''") =>
    `select '${metric}', at, ${agent}, ${value} as v, null::float8, null::float8 from beats`;
  const lines = [
    gauge("active_jobs", "12 + 8 * sin(n / 40.0)"),
    ...AGENTS.map((agent) => gauge("active_jobs", "3 + 2 * sin(n / 40.0)", `'${agent}'`)),
    gauge("max_jobs", "40"),
    gauge("cpu_ratio", "0.3 + 0.2 * sin(n / 60.0)"),
    gauge("memory_bytes", "5e8 + 1e8 * sin(n / 90.0)"),
    gauge("load_ratio", "0.3 + 0.2 * sin(n / 40.0)"),
    gauge("queue_depth", "greatest(0, 3 * sin(n / 20.0))"),
    ...["started", "succeeded", "failed", "cancelled"].map((what) => gauge(`jobs_${what}`, `${tier} / 5 * 0.5`)),
    "select 'dispatch_ready_ms', at, '', 80 + 20 * sin(n / 30.0), 75 + 20 * sin(n / 30.0), 140 + 40 * sin(n / 30.0) from beats",
  ];
  return `with beats as (select n, date_bin(interval '${tier} seconds', ${end}, 'epoch'::timestamptz) - n * interval '${tier} seconds' as at
      from generate_series(1, ${days * 86_400 / tier}) n)
    insert into metric_points (tier_seconds, metric, at, instance_id, agent, count, sum, min, max, p50, p95)
    select ${tier}, metric, at, '${instance}', agent, 1, v, v, v, p50, p95
    from (${lines.join(" union all ")}) s(metric, at, agent, v, p50, p95)`;
}
