/**
 * What the Overview shows of the whole fleet. Bounded work, however many jobs there are: live rows by partial indexes,
 * counts capped, history from metric_points; under a statement timeout of its own.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export const COUNT_CAP = 10_000;

export interface QueueRow extends Record<string, unknown> {
  agent: string;
  depth: number;
  /** Milliseconds by database time. */
  oldestWaitMs: number;
}

/** Waiting dispatches by agent; counts at most COUNT_CAP of them. */
export async function countQueued(database: Database): Promise<QueueRow[]> {
  return await rows<QueueRow>(
    database,
    sql`select agent, count(*)::int as depth,
        (extract(epoch from now() - min(created_at)) * 1000)::float8 as "oldestWaitMs"
      from (select agent, created_at from dispatches where state = 'queued' limit ${COUNT_CAP}::int) waiting
      group by agent order by agent`,
  );
}

export interface InstanceOverviewRow extends Record<string, unknown> {
  id: string;
  hostname: string;
  version: string;
  /** As the row has it, but "cordoned" for one that runs and takes no jobs. */
  state: string;
  maxJobs: number;
  startedAt: string;
  /** Takes no new jobs since then; null when it does. */
  cordonedAt: string | null;
  /** When a drain ends what still runs. */
  drainDeadlineAt: string | null;
  heartbeatAgeMs: number;
  /** Jobs that are assigned to it or run there. */
  liveJobs: number;
  /** Of its newest sample, when that is fresh; null: unknown. */
  cpuRatio: number | null;
  memoryBytes: number | null;
  loadRatio: number | null;
}

/** Instances that have not ended. `freshSince`: older samples say nothing about now. */
export async function listLiveInstances(
  database: Database,
  freshSince: Date,
  limit: number,
): Promise<InstanceOverviewRow[]> {
  const iso = (column: SQL): SQL => sql`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  const fresh = (metric: string): SQL =>
    sql`(select sum / count from metric_points where tier_seconds = 5 and metric = ${metric}
      and at >= ${freshSince.toISOString()}::timestamptz and instance_id = instances.id and agent = '' order by at desc limit 1)`;
  return await rows<InstanceOverviewRow>(
    database,
    sql`select id, hostname, version, max_jobs as "maxJobs",
        case when state = 'running' and cordoned_at is not null then 'cordoned' else state::text end as state,
        ${iso(sql`started_at`)} as "startedAt", ${iso(sql`cordoned_at`)} as "cordonedAt",
        ${iso(sql`drain_deadline_at`)} as "drainDeadlineAt",
        (extract(epoch from now() - heartbeat_at) * 1000)::float8 as "heartbeatAgeMs",
        (select count(*)::int from jobs where jobs.instance_id = instances.id
          and jobs.state in ('created', 'assigned', 'running')) as "liveJobs",
        ${fresh("cpu_ratio")} as "cpuRatio", ${fresh("memory_bytes")} as "memoryBytes",
        ${fresh("load_ratio")} as "loadRatio"
      from instances where ended_at is null order by started_at limit ${limit}::int`,
  );
}

export interface EndedCounts extends Record<string, unknown> {
  started: number;
  succeeded: number;
  cancelled: number;
  /** Exact up to COUNT_CAP: also counts those that died with their instance. */
  failed: number;
}

/** Jobs that ended since `since`; from samples (seconds behind) but for the failed ones. */
export async function countEndedJobs(database: Database, since: Date): Promise<EndedCounts> {
  const from = since.toISOString();
  const counted = (metric: string): SQL =>
    sql`(select coalesce(sum(sum), 0)::int from metric_points where tier_seconds = 5 and metric = ${metric}
      and at >= ${from}::timestamptz and agent = '')`;
  const [found] = await rows<EndedCounts>(
    database,
    sql`select ${counted("jobs_started")} as started, ${counted("jobs_succeeded")} as succeeded,
        ${counted("jobs_cancelled")} as cancelled,
        (select count(*)::int from (select from jobs where state = 'failed' and ended_at >= ${from}::timestamptz
          limit ${COUNT_CAP}::int) f) as failed`,
  );
  return found ?? { started: 0, succeeded: 0, cancelled: 0, failed: 0 };
}

export interface ReadyLatency extends Record<string, unknown> {
  samples: number;
  p50Ms: number | null;
  p95Ms: number | null;
}

/** Request → ready of the newest `limit` dispatches since `since`; null: none became ready. */
export async function readyLatency(database: Database, since: Date, limit: number): Promise<ReadyLatency> {
  const [found] = await rows<ReadyLatency>(
    database,
    sql`select count(ms)::int as samples, percentile_disc(0.5) within group (order by ms) as "p50Ms",
        percentile_disc(0.95) within group (order by ms) as "p95Ms"
      from (select (extract(epoch from ready_at - created_at) * 1000)::float8 as ms from dispatches
        where created_at >= ${since.toISOString()}::timestamptz order by created_at desc, id desc limit ${limit}::int) d`,
  );
  return found ?? { samples: 0, p50Ms: null, p95Ms: null };
}
