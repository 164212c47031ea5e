/** Calls on instances that take no new ones, and how long such calls usually last. Bounded reads. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Calls that are listed at most, over all closed instances. */
const MAX_CALLS = 1_000;
/** Newest jobs of an agent that are looked at. */
const SAMPLE = 200;

export interface InstanceCall extends Record<string, unknown> {
  instanceId: string;
  jobId: string;
  dispatchId: string;
  agent: string;
  room: string;
  /** When its entry was called; before that, when it was assigned. ISO 8601. */
  since: string;
}

/** What still runs on cordoned and draining instances, the longest first. @param ownId its row may not say yet that it is */
export async function listCallsOfClosedInstances(database: Database, ownId: string): Promise<InstanceCall[]> {
  return await rows<InstanceCall>(
    database,
    sql`select j.instance_id as "instanceId", j.id as "jobId", j.dispatch_id as "dispatchId", j.agent, j.room,
        to_char(coalesce(j.entered_at, j.assigned_at, j.created_at) at time zone 'utc',
          'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since
      from instances i join jobs j on j.instance_id = i.id and j.state in ('created', 'assigned', 'running')
      where i.ended_at is null and (i.cordoned_at is not null or i.state = 'draining' or i.id = ${ownId}::uuid)
      order by coalesce(j.entered_at, j.assigned_at, j.created_at), j.id limit ${MAX_CALLS}::int`,
  );
}

/** Median milliseconds from entry to a good end, by agent, of those that have calls on closed instances. */
export async function listUsualCallMs(database: Database, ownId: string): Promise<Map<string, number>> {
  const found = await rows<{ agent: string; ms: number | null }>(
    database,
    sql`select closed.agent, usual.ms from (
        select distinct j.agent from instances i
          join jobs j on j.instance_id = i.id and j.state in ('created', 'assigned', 'running')
        where i.ended_at is null and (i.cordoned_at is not null or i.state = 'draining' or i.id = ${ownId}::uuid)
      ) closed cross join lateral (
        select percentile_cont(0.5) within group (order by extract(epoch from ended_at - entered_at) * 1000) as ms
        from (select state, entered_at, ended_at from jobs where jobs.agent = closed.agent
          order by created_at desc, id desc limit ${SAMPLE}::int) newest
        where state = 'succeeded' and entered_at is not null
      ) usual`,
  );
  return new Map(found.flatMap(({ agent, ms }) => ms === null ? [] : [[agent, Number(ms)] as const]));
}
