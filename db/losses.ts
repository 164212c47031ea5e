/** Losses of agents in rooms: one row each, from the old agent's last sign of life to the new one's ready. */
import { and, desc, eq, gte, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { Cursor } from "./page.ts";
import { losses } from "./schema/losses.ts";
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

export type LossRow = typeof losses.$inferSelect;

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

/** Newest first, by (lost_at, id): a cursor's `createdAt` is when its row was lost. */
export async function listLosses(
  database: Database,
  { limit, since = null, cursor = null, dispatchId = null, agent = null }: {
    limit: number;
    since?: Date | null;
    cursor?: Cursor | null;
    dispatchId?: string | null;
    agent?: string | null;
  },
): Promise<LossRow[]> {
  return await database.db.select().from(losses).where(and(
    dispatchId === null ? undefined : eq(losses.dispatchId, dispatchId),
    agent === null ? undefined : eq(losses.agent, agent),
    since === null ? undefined : gte(losses.lostAt, since),
    cursor === null
      ? undefined
      : sql`(${losses.lostAt}, ${losses.id}) < (${cursor.createdAt.toISOString()}::timestamptz, ${cursor.id}::uuid)`,
  )).orderBy(desc(losses.lostAt), desc(losses.id)).limit(limit);
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
