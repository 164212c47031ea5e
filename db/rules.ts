/** Rules, and what they have acted on. A match is written together with its dispatch (dispatches.ts) or alone, here. */
import { and, desc, eq, not, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { RuleMatch } from "./dispatches.ts";
import { ruleMatches } from "./schema/rule_matches.ts";
import { rules } from "./schema/rules.ts";
import { json, rows } from "./statement.ts";

export type RuleRow = typeof rules.$inferSelect;
/** What an editor writes. */
export type RuleFields = Omit<RuleRow, "id" | "createdBy" | "createdAt" | "updatedAt">;

/** The oldest first, which is the order in which they act. */
export async function listRules(database: Database, limit: number): Promise<RuleRow[]> {
  return await database.db.select().from(rules).orderBy(rules.createdAt, rules.id).limit(limit);
}

export async function findRule(database: Database, id: string): Promise<RuleRow | null> {
  const [row] = await database.db.select().from(rules).where(eq(rules.id, id));
  return row ?? null;
}

export async function countRules(database: Database): Promise<number> {
  return await database.db.$count(rules);
}

/** Null when the name is taken. */
export async function insertRule(
  database: Database,
  rule: RuleFields & { id: string; createdBy: string },
): Promise<RuleRow | null> {
  const [row] = await database.db.insert(rules)
    .values({ ...rule, createdAt: sql`now()`, updatedAt: sql`now()` }).onConflictDoNothing().returning();
  return row ?? null;
}

/** Null when there is no such rule, or another one has the name. */
export async function updateRule(database: Database, id: string, fields: RuleFields): Promise<RuleRow | null> {
  const namesakes = database.db.select({ id: rules.id }).from(rules)
    .where(and(eq(rules.name, fields.name), not(eq(rules.id, id))));
  const [row] = await database.db.update(rules).set({ ...fields, updatedAt: sql`now()` })
    .where(and(eq(rules.id, id), sql`not exists ${namesakes}`)).returning();
  return row ?? null;
}

/** The deleted rule; null when there is none. What it has acted on is forgotten, its dispatches stay. */
export async function deleteRule(database: Database, id: string): Promise<RuleRow | null> {
  const [row] = await database.db.delete(rules).where(eq(rules.id, id)).returning();
  return row ?? null;
}

/** Whether there is nothing more to do: the rule has acted on this, or is disabled or gone. */
export async function isRuleDone(database: Database, { ruleId, roomSid, participantSid }: RuleMatch): Promise<boolean> {
  const [found] = await rows<{ done: boolean }>(
    database,
    sql`select exists (select from rule_matches where rule_id = ${ruleId}::uuid and room_sid = ${roomSid}
        and participant_sid = ${participantSid})
      or not exists (select from rules where id = ${ruleId}::uuid and is_enabled) as done`,
  );
  return found?.done ?? false;
}

/** Notes that a dispatch of another origin is what the rule asks for. False when that was noted before. */
export async function insertRuleMatch(
  database: Database,
  { ruleId, roomSid, participantSid }: RuleMatch,
  dispatchId: string,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`insert into rule_matches (rule_id, room_sid, participant_sid, dispatch_id, at)
      select id, ${roomSid}, ${participantSid}, ${dispatchId}::uuid, now() from rules where id = ${ruleId}::uuid
      on conflict do nothing returning rule_id`,
  );
  return written.length === 1;
}

/** A live dispatch of an agent in a room, with its newest job. */
export interface PresentAgent extends Record<string, unknown> {
  dispatchId: string;
  identity: string | null;
  /** When the job joined the room; null when it has not. */
  connectedAtMs: number | null;
}

/** Live dispatches of the agent in the room of this name, oldest first, at most 10. */
export async function listPresentAgents(
  database: Database,
  { server, room, agent }: { server: string; room: string; agent: string },
): Promise<PresentAgent[]> {
  const found = await rows<{ dispatchId: string; identity: string | null; connectedAtMs: string | null }>(
    database,
    sql`select d.id as "dispatchId", j.participant_identity as identity,
        (extract(epoch from j.connected_at) * 1000)::bigint::text as "connectedAtMs"
      from dispatches d left join lateral (
        select participant_identity, connected_at from jobs where dispatch_id = d.id order by created_at desc limit 1
      ) j on true
      where d.server = ${server} and d.room = ${room} and d.agent = ${agent} and d.state in ('queued', 'placed', 'running')
      order by d.created_at limit 10`,
  );
  return found.map((row) => ({ ...row, connectedAtMs: row.connectedAtMs === null ? null : Number(row.connectedAtMs) }));
}

/** What rules did last, newest first. */
export async function listRuleMatches(database: Database, limit: number) {
  return await database.db.select({
    ...{ ruleId: ruleMatches.ruleId, at: ruleMatches.at, dispatchId: ruleMatches.dispatchId },
    ...{ name: rules.name, agent: rules.agent },
    room: sql<string | null>`(select room from dispatches where id = ${ruleMatches.dispatchId})`,
    state: sql<string | null>`(select state from dispatches where id = ${ruleMatches.dispatchId})`,
  }).from(ruleMatches).innerJoin(rules, eq(rules.id, ruleMatches.ruleId)).orderBy(desc(ruleMatches.at)).limit(limit);
}

/** Forgets up to `limit` matches that are older than `keepMs` and whose room is none of these live ones. */
export async function pruneRuleMatches(
  database: Database,
  { keepMs, liveRoomSids, limit }: { keepMs: number; liveRoomSids: readonly string[]; limit: number },
): Promise<number> {
  const pruned = await rows(
    database,
    sql`delete from rule_matches where ctid = any(array(
        select ctid from rule_matches where at < now() - ${keepMs}::bigint * interval '1 millisecond'
          and room_sid not in (select jsonb_array_elements_text(${json(liveRoomSids)})) limit ${limit}))
      returning rule_id`,
  );
  return pruned.length;
}
