/** Losses of agents in rooms: one row each, from the old agent's last sign of life to the new one's ready. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows, time } from "./statement.ts";

export interface NewLoss {
  id: string;
  dispatchId: string;
  /** The job that was lost; null for a silent room that no job of ours had served. */
  jobId: string | null;
  agent: string;
  server: string;
  room: string;
  /** Failure kind of the lost job, or "silent_room". */
  cause: string;
  /** Whether somebody was there to hear the silence. */
  wasHumanThere: boolean;
  /** The lost agent's last sign of life. */
  lostAt: Date;
}

export interface LossRow extends Record<string, unknown> {
  id: string;
  dispatchId: string;
  jobId: string | null;
  replacedBy: string | null;
  agent: string;
  server: string;
  room: string;
  cause: string;
  wasHumanThere: boolean;
  lostAt: Date;
  readyAt: Date | null;
  givenUpAt: Date | null;
  deadAirMs: number | null;
}

export interface LossSummary extends Record<string, unknown> {
  losses: number;
  /** Still silent. */
  open: number;
  /** Of losses that somebody heard, added up; open ones count until now. */
  deadAirMs: number;
}

/** Notes a loss, unless the dispatch is in the middle of one: then the silence goes on. True when it is a new one. */
export async function insertLoss(database: Database, loss: NewLoss): Promise<boolean> {
  const written = await rows(
    database,
    sql`insert into losses (id, dispatch_id, job_id, agent, server, room, cause, was_human_there, lost_at)
      select ${loss.id}::uuid, ${loss.dispatchId}::uuid, ${loss.jobId}::uuid, ${loss.agent}, ${loss.server}, ${loss.room},
        ${loss.cause}, ${loss.wasHumanThere}::boolean, ${time(loss.lostAt)}
      where not exists (select from losses where dispatch_id = ${loss.dispatchId} and ready_at is null
        and given_up_at is null) returning id`,
  );
  return written.length === 1;
}

/** The dispatch's loss is over: another job is ready. Null when there was none; else its cause, and dead air if anybody heard it. */
export async function endLoss(
  database: Database,
  dispatchId: string,
  replacedBy: string,
  readyAt: Date,
): Promise<{ cause: string; deadAirMs: number | null } | null> {
  const [ended] = await rows<{ cause: string; deadAirMs: number | null }>(
    database,
    sql`update losses set ready_at = ${time(readyAt)}, replaced_by = ${replacedBy}::uuid,
        dead_air_ms = case when was_human_there
          then greatest(0, extract(epoch from ${time(readyAt)} - lost_at) * 1000)::int end
      where dispatch_id = ${dispatchId} and ready_at is null and given_up_at is null
      returning cause, dead_air_ms as "deadAirMs"`,
  );
  return ended ?? null;
}

/** Nobody will replace the lost agent. False when nothing was lost. */
export async function giveUpLoss(database: Database, dispatchId: string, at: Date): Promise<boolean> {
  const given = await rows(
    database,
    sql`update losses set given_up_at = ${time(at)}, dead_air_ms = case when was_human_there
          then greatest(0, extract(epoch from ${time(at)} - lost_at) * 1000)::int end
      where dispatch_id = ${dispatchId} and ready_at is null and given_up_at is null returning id`,
  );
  return given.length === 1;
}

/** Newest first. @param before only those lost before; null: from now. */
export async function listLosses(
  database: Database,
  { limit, before = null, dispatchId = null, agent = null }: {
    limit: number;
    before?: Date | null;
    dispatchId?: string | null;
    agent?: string | null;
  },
): Promise<LossRow[]> {
  const found = await rows<
    Omit<LossRow, "lostAt" | "readyAt" | "givenUpAt"> & Record<"lost" | "ready" | "given", string | null>
  >(
    database,
    sql`select id, dispatch_id as "dispatchId", job_id as "jobId", replaced_by as "replacedBy", agent, server, room, cause,
        was_human_there as "wasHumanThere", dead_air_ms as "deadAirMs",
        (extract(epoch from lost_at) * 1000)::bigint::text as lost,
        (extract(epoch from ready_at) * 1000)::bigint::text as ready,
        (extract(epoch from given_up_at) * 1000)::bigint::text as given
      from losses where (${time(before)} is null or lost_at < ${time(before)})
        and (${dispatchId}::uuid is null or dispatch_id = ${dispatchId}::uuid)
        and (${agent}::text is null or agent = ${agent}::text)
      order by lost_at desc limit ${limit}::int`,
  );
  return found.map(({ lost, ready, given, ...loss }) => ({
    ...loss as Omit<LossRow, "lostAt" | "readyAt" | "givenUpAt">,
    lostAt: dateOf(lost) ?? new Date(0),
    readyAt: dateOf(ready),
    givenUpAt: dateOf(given),
  } as LossRow));
}

/** Of what was lost since `since`. */
export async function summarizeLosses(database: Database, since: Date): Promise<LossSummary> {
  const [found] = await rows<LossSummary>(
    database,
    sql`select count(*)::int as losses, (count(*) filter (where ready_at is null and given_up_at is null))::int as open,
        coalesce(sum(coalesce(dead_air_ms, extract(epoch from now() - lost_at) * 1000)) filter (where was_human_there), 0)
          ::float8 as "deadAirMs"
      from losses where lost_at >= ${time(since)}`,
  );
  return found ?? { losses: 0, open: 0, deadAirMs: 0 };
}

function dateOf(ms: string | null): Date | null {
  return ms === null ? null : new Date(Number(ms));
}
