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
  const candidates = sql`select distinct on (d.id) d.id, d.agent, d.room, d.state, j.failure_message, j.ended_at,
      exists (select from dispatches r where r.retry_of = d.id) as is_retried
    from jobs j join dispatches d on d.id = j.dispatch_id
    where j.state = 'failed' and j.ended_at >= ${since.toISOString()}::timestamptz
      and coalesce(j.failure_fingerprint, j.failure_kind) = ${fingerprint} order by d.id, j.ended_at desc`;
  const [counts] = await rows<{ eligible: number; retried: number; recovered: number }>(
    database,
    sql`select count(*) filter (where state = 'failed' and not is_retried)::int as eligible,
        count(*) filter (where is_retried)::int as retried,
        count(*) filter (where state <> 'failed' and not is_retried)::int as recovered from (${candidates}) c`,
  );
  const members = await rows<GroupMember>(
    database,
    sql`select id as "dispatchId", agent, room, failure_message as message,
        to_char(ended_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "failedAt"
      from (${candidates}) c where state = 'failed' and not is_retried order by ended_at desc limit ${limit}::int`,
  );
  return { members: [...members], ...(counts ?? { eligible: 0, retried: 0, recovered: 0 }) };
}
