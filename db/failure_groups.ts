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

/** Groups of jobs that failed since `since`, the largest first. */
export async function listFailureGroups(database: Database, since: Date, until: Date): Promise<FailureGroup[]> {
  const from = since.toISOString();
  const found = await rows<GroupRow>(
    database,
    sql`with failed as (
      select coalesce(failure_fingerprint, failure_kind) as fingerprint, failure_kind, failure_message, agent, ended_at,
        least(${HEAT_BUCKETS}::int - 1, floor(extract(epoch from ended_at - ${from}::timestamptz)
          / extract(epoch from ${until.toISOString()}::timestamptz - ${from}::timestamptz) * ${HEAT_BUCKETS}::int))::int as bucket
      from jobs where state = 'failed' and ended_at >= ${from}::timestamptz
    ), heat as (
      select fingerprint, array_agg(bucket order by bucket) as hits, array_agg(amount order by bucket) as amounts
      from (select fingerprint, bucket, count(*)::int as amount from failed group by 1, 2) b group by 1
    ) select f.fingerprint, min(failure_kind) as kind, (array_agg(failure_message order by ended_at desc))[1] as message,
        (array_agg(distinct agent))[1:${MAX_AGENTS}::int] as agents, count(*)::int as count,
        to_char(max(ended_at) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "lastAt", hits, amounts
      from failed f join heat using (fingerprint)
      group by f.fingerprint, hits, amounts order by count(*) desc, max(ended_at) desc limit ${MAX_GROUPS}::int`,
  );
  return found.map(({ hits, amounts, ...group }) => {
    const buckets = Array.from({ length: HEAT_BUCKETS }, () => 0);
    hits.forEach((bucket, index) => buckets[Math.max(0, bucket)] = amounts[index] ?? 0);
    const { fingerprint, kind, message, agents, count, lastAt } = group;
    return { fingerprint, kind, message, agents, count, lastAt, buckets };
  });
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
  // A retry is younger than the failure that it repeats, so only the window's dispatches can be one.
  const found = await rows<GroupMember & { isEligible: boolean; eligible: number; retried: number; recovered: number }>(
    database,
    sql`with retried as materialized (
      select distinct retry_of from dispatches where created_at >= ${from}::timestamptz and retry_of is not null
    ), failed as materialized (
      select distinct on (dispatch_id) dispatch_id, failure_message, ended_at from jobs
      where state = 'failed' and ended_at >= ${from}::timestamptz
        and coalesce(failure_fingerprint, failure_kind) = ${fingerprint} order by dispatch_id, ended_at desc
    ), judged as (
      select d.id, d.agent, d.room, f.failure_message, f.ended_at, r.retry_of is not null as is_retried,
        d.state = 'failed' and r.retry_of is null as is_eligible
      from failed f join dispatches d on d.id = f.dispatch_id left join retried r on r.retry_of = d.id
    ) select id as "dispatchId", agent, room, failure_message as message,
        to_char(ended_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "failedAt", is_eligible as "isEligible",
        (count(*) filter (where is_eligible) over ())::int as eligible,
        (count(*) filter (where is_retried) over ())::int as retried,
        (count(*) filter (where not is_eligible and not is_retried) over ())::int as recovered
      from judged order by is_eligible desc, ended_at desc limit ${limit}::int`,
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
