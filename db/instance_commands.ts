/** What one instance asks another to do: each command is taken once, and answered in its row. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { json, rows } from "./statement.ts";

export interface NewCommand {
  id: string;
  instanceId: string;
  kind: string;
  payload: unknown;
  actor: string;
}

export interface TakenCommand extends Record<string, unknown> {
  id: string;
  kind: string;
  /** JSON text. */
  payload: string;
  actor: string;
}

/** False when there is no such instance, or it has ended. */
export async function insertCommand(database: Database, command: NewCommand): Promise<boolean> {
  const written = await rows(
    database,
    sql`insert into instance_commands (id, instance_id, kind, payload, actor)
      select ${command.id}::uuid, id, ${command.kind}, ${json(command.payload)}, ${command.actor}
      from instances where id = ${command.instanceId}::uuid and ended_at is null returning id`,
  );
  return written.length === 1;
}

/** The oldest commands for `instanceId` that nobody has taken, and that are not older than `maxAgeMs`. */
export async function takeCommands(
  database: Database,
  instanceId: string,
  maxAgeMs: number,
  limit: number,
): Promise<TakenCommand[]> {
  return await rows<TakenCommand>(
    database,
    sql`update instance_commands c set taken_at = now() from (
        select id from instance_commands where instance_id = ${instanceId}::uuid and taken_at is null
          and created_at > now() - ${maxAgeMs}::int * interval '1 millisecond'
        order by created_at limit ${limit}::int for update skip locked
      ) waiting where c.id = waiting.id returning c.id, c.kind, c.payload::text as payload, c.actor`,
  );
}

/** Larger ones are parts of something, and of no use when they were taken. */
const MAX_KEPT_PAYLOAD_BYTES = 8_192;

/** Notes how a command went; `error` null: well. Forgets a large payload. */
export async function finishCommand(database: Database, id: string, error: string | null): Promise<void> {
  await rows(
    database,
    sql`update instance_commands set done_at = now(), error = ${error},
      payload = case when pg_column_size(payload) > ${MAX_KEPT_PAYLOAD_BYTES}::int then '{}' else payload end
      where id = ${id}::uuid`,
  );
}

/** Forgets up to `limit` commands older than `ageMs`, answered or not. */
export async function pruneCommands(database: Database, ageMs: number, limit: number): Promise<void> {
  await rows(
    database,
    sql`delete from instance_commands where id in (select id from instance_commands
      where created_at < now() - ${ageMs}::int * interval '1 millisecond' limit ${limit}::int)`,
  );
}

export async function findCommandResult(
  database: Database,
  id: string,
): Promise<{ isDone: boolean; error: string | null } | null> {
  const [found] = await rows<{ isDone: boolean; error: string | null }>(
    database,
    sql`select done_at is not null as "isDone", error from instance_commands where id = ${id}::uuid`,
  );
  return found ?? null;
}
