/** Why jobs were placed where they were, and what could take a dispatch that waits. Bounded reads. */
import { asc, eq, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { placementDecisions } from "./schema/placement_decisions.ts";
import { rows } from "./statement.ts";

/** Instances that are looked at. */
const MAX_CANDIDATES = 50;
/** Decisions of one dispatch that are read: one per attempt. */
const MAX_DECISIONS = 50;
/** Newest jobs of an agent that are looked at for how long one usually lasts. */
const SAMPLE = 200;

export type DecisionRow = typeof placementDecisions.$inferSelect;

/** An instance as the others know it, for one agent. */
export interface CandidateRow extends Record<string, unknown> {
  instanceId: string;
  hostname: string;
  region: string | null;
  state: string;
  isCordoned: boolean;
  isHosting: boolean;
  running: number;
  maxJobs: number;
  /** As its worker said last, 0..1. */
  loadRatio: number | null;
}

export async function insertPlacementDecisions(database: Database, decisions: DecisionRow[]): Promise<void> {
  if (decisions.length > 0) await database.db.insert(placementDecisions).values(decisions).onConflictDoNothing();
}

/** Of one dispatch, oldest first. */
export async function listPlacementDecisions(database: Database, dispatchId: string): Promise<DecisionRow[]> {
  return await database.db.select().from(placementDecisions).where(eq(placementDecisions.dispatchId, dispatchId))
    .orderBy(asc(placementDecisions.at)).limit(MAX_DECISIONS);
}

/** Every instance that has not ended. */
export async function listCandidates(database: Database, agent: string): Promise<CandidateRow[]> {
  return await rows<CandidateRow>(
    database,
    sql`select i.id as "instanceId", i.hostname, i.region, i.state::text as state, i.max_jobs as "maxJobs",
        i.cordoned_at is not null as "isCordoned", w.load_ratio as "loadRatio", w.workers > 0 as "isHosting",
        (select count(*)::int from jobs where instance_id = i.id and state in ('created', 'assigned', 'running')) as running
      from instances i cross join lateral (
        select count(*)::int as workers, max(load_ratio) as load_ratio from workers
        where instance_id = i.id and agent = ${agent} and state <> 'stopped'
      ) w where i.ended_at is null order by i.started_at limit ${MAX_CANDIDATES}::int`,
  );
}

/**
 * When the first call on an instance that hosts the agent should end, if it lasts as long as its agent's calls usually do.
 * Null: there is nothing to go by.
 */
export async function estimateSlotFreesMs(database: Database, agent: string): Promise<number | null> {
  const [found] = await rows<{ ms: number | null }>(
    database,
    sql`with live as (
        select j.agent, extract(epoch from now() - coalesce(j.entered_at, j.created_at)) * 1000 as elapsed_ms
        from workers w join instances i on i.id = w.instance_id and i.ended_at is null
          join jobs j on j.instance_id = i.id and j.state in ('created', 'assigned', 'running')
        where w.agent = ${agent} and w.state <> 'stopped'
      ), usual as (
        select of.agent, (select percentile_cont(0.5) within group (order by extract(epoch from ended_at - entered_at) * 1000)
          from (select state, entered_at, ended_at from jobs where jobs.agent = of.agent
            order by created_at desc, id desc limit ${SAMPLE}::int) newest
          where state = 'succeeded' and entered_at is not null) as ms
        from (select distinct agent from live) of
      )
      select min(greatest(0, usual.ms - live.elapsed_ms))::float8 as ms from live join usual using (agent)`,
  );
  return found?.ms ?? null;
}
