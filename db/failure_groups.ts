/** Failed jobs grouped by fingerprint, and what of a group can be retried. Bounded by the index of failed jobs. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export const HEAT_BUCKETS = 24;
const MAX_GROUPS = 50;
const MAX_AGENTS = 5;

export interface FailureGroup {
  fingerprint: string;
  kind: string;
  /** One of its messages, the newest. */
  message: string;
  agents: string[];
  count: number;
  /** ISO 8601. */
  lastAt: string;
  /** Failures per equal part of the window, oldest first. */
  buckets: number[];
}

interface GroupRow extends Record<string, unknown>, Omit<FailureGroup, "buckets"> {
  hits: number[];
  amounts: number[];
}

/**
 * Groups of jobs that failed since `since`, the largest first. The failed jobs are read once and summed up at once; only
 * what is left of them is grouped, counted and sorted further.
 */
export async function listFailureGroups(database: Database, since: Date, until: Date): Promise<FailureGroup[]> {
  const bucketMs = Math.max(1, Math.ceil((until.getTime() - since.getTime()) / HEAT_BUCKETS));
  const from = since.toISOString();
  const found = await rows<GroupRow>(
    database,
    sql`with summed as materialized (
      select coalesce(failure_fingerprint, failure_kind) as fingerprint, failure_kind as kind, agent,
        date_bin(make_interval(secs => ${bucketMs / 1000}::float8), ended_at, ${from}::timestamptz) as bucket,
        count(*)::int as amount, max(ended_at) as last_at
      from jobs where state = 'failed' and ended_at >= ${from}::timestamptz group by 1, 2, 3, 4
    ), groups as (
      select fingerprint, min(kind) as kind, (array_agg(distinct agent))[1:${MAX_AGENTS}::int] as agents,
        sum(amount)::int as count, max(last_at) as last_at
      from summed group by fingerprint order by 4 desc, 5 desc limit ${MAX_GROUPS}::int
    ), heat as (
      select fingerprint, array_agg(bucket) as hits, array_agg(amount) as amounts from (
        select fingerprint, (extract(epoch from bucket - ${from}::timestamptz) * 1000 / ${bucketMs}::int)::int as bucket,
          sum(amount)::int as amount from summed group by 1, 2) b group by fingerprint
    ) select fingerprint, kind, agents, count, hits, amounts,
        to_char(last_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "lastAt",
        (select failure_message from jobs where state = 'failed' and ended_at = groups.last_at
          and coalesce(failure_fingerprint, failure_kind) = groups.fingerprint limit 1) as message
      from groups join heat using (fingerprint) order by count desc, last_at desc`,
  );
  return found.map(({ hits, amounts, ...group }) => {
    const buckets = Array.from({ length: HEAT_BUCKETS }, () => 0);
    // What fails after `until`, and by a clock that is ahead, belongs to the newest part.
    hits.forEach((hit, index) => {
      const bucket = Math.min(HEAT_BUCKETS - 1, Math.max(0, hit));
      buckets[bucket] = (buckets[bucket] ?? 0) + (amounts[index] ?? 0);
    });
    const { fingerprint, kind, message, agents, count, lastAt } = group;
    return { fingerprint, kind, message, agents, count, lastAt, buckets };
  });
}

/** When and with which job a job failed last; null: none did. Changes with every failure that is recorded in time. */
export async function findNewestFailure(database: Database): Promise<string | null> {
  const [newest] = await rows<{ failure: string }>(
    database,
    sql`select ended_at::text || id as failure from jobs where state = 'failed' order by ended_at desc limit 1`,
  );
  return newest?.failure ?? null;
}

export interface GroupMember extends Record<string, unknown> {
  dispatchId: string;
  agent: string;
  room: string;
  message: string;
  /** ISO 8601. */
  failedAt: string;
}

export interface GroupPreview {
  /** Failed dispatches that were not retried yet, newest first, at most `limit`. */
  members: GroupMember[];
  eligible: number;
  /** Dispatches of which a retry was asked for already. */
  retried: number;
  /** Dispatches that are under way again or ended well by a later attempt. */
  recovered: number;
}

export async function previewFailureGroup(
  database: Database,
  { fingerprint, since, limit }: { fingerprint: string; since: Date; limit: number },
): Promise<GroupPreview> {
  const from = since.toISOString();
  // Two conditions that the index of failed jobs answers, in place of one coalesce that it does not.
  const found = await rows<GroupMember & { isEligible: boolean; eligible: number; retried: number; recovered: number }>(
    database,
    sql`with failed as materialized (
      select distinct on (dispatch_id) dispatch_id, failure_message, ended_at from (
        select dispatch_id, failure_message, ended_at from jobs
          where state = 'failed' and ended_at >= ${from}::timestamptz and failure_fingerprint = ${fingerprint}
        union all select dispatch_id, failure_message, ended_at from jobs
          where state = 'failed' and ended_at >= ${from}::timestamptz and failure_fingerprint is null
            and failure_kind = ${fingerprint}
      ) f order by dispatch_id, ended_at desc
    ), judged as materialized (
      select d.id, d.agent, d.room, f.failure_message, f.ended_at, d.state = 'failed' as has_failed,
        exists (select from dispatches r where r.retry_of = d.id) as is_retried
      from failed f join dispatches d on d.id = f.dispatch_id
    ) select id as "dispatchId", agent, room, failure_message as message,
        to_char(ended_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "failedAt",
        has_failed and not is_retried as "isEligible",
        (count(*) filter (where has_failed and not is_retried) over ())::int as eligible,
        (count(*) filter (where is_retried) over ())::int as retried,
        (count(*) filter (where not has_failed and not is_retried) over ())::int as recovered
      from judged order by "isEligible" desc, ended_at desc limit ${limit}::int`,
  );
  const { eligible = 0, retried = 0, recovered = 0 } = found[0] ?? {};
  const members = found.filter(({ isEligible }) => isEligible).map((
    { dispatchId, agent, room, message, failedAt },
  ) => ({
    dispatchId,
    agent,
    room,
    message,
    failedAt,
  }));
  return { members, eligible, retried, recovered };
}
