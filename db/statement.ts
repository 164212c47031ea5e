/** Small parts that the statements of db/ share. */
import { type SQL, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import type { Database } from "./client.ts";

/** Who changed something and under which id; ids are made before the first try, so that a retry is recognised. */
export interface Change {
  changeId: string;
  /** "instance:<id>", "rest:<key name>" or "livekit". */
  actor: string;
  cause: string;
  at: Date;
}

/** A list of states as SQL text literals; only ever called with our own enum values. */
export function stateList(states: readonly string[]): SQL {
  return sql.join(states.map((state) => sql`${state}`), sql`, `);
}

/** A JSON value (or null) as one parameter: bound as text and cast, because the driver would otherwise encode it twice. */
export function json(value: unknown): SQL {
  return sql`${value === null || value === undefined ? null : JSON.stringify(value)}::text::jsonb`;
}

/** A time (or null) as one parameter. */
export function time(at: Date | null | undefined): SQL {
  return sql`${at?.toISOString() ?? null}::timestamptz`;
}

const dialect = new PgDialect();

/**
 * Rows of a raw statement, prepared once per connection: a statement that is not costs a second round trip and is planned
 * anew each time (measured: 2.4 ms instead of 1 for the placing insert). Each statement's text must therefore be one of few.
 */
export async function rows<Row extends Record<string, unknown>>(database: Database, statement: SQL): Promise<Row[]> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  const found = await database.sql.unsafe<Row[]>(text, params as never[], { prepare: true });
  database.noteAnswer();
  return found;
}

/**
 * Like `rows`, for statements whose text or best plan depends on what is asked for (searches): planned each time for the
 * values that it gets.
 */
export async function plannedRows<Row extends Record<string, unknown>>(
  database: Database,
  statement: SQL,
): Promise<Row[]> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  const found = await database.sql.unsafe<Row[]>(text, params as never[], { prepare: false });
  database.noteAnswer();
  return found;
}

/** Like `rows`, for telemetry: the commit does not wait for the disk, so a crash may lose the last second of it. */
export async function looseRows<Row extends Record<string, unknown>>(
  database: Database,
  statement: SQL,
): Promise<Row[]> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  let found: Row[] = [];
  await database.sql.begin(async (transaction) => {
    await transaction.unsafe("set local synchronous_commit to off", [], { prepare: true });
    found = [...await transaction.unsafe<Row[]>(text, params as never[], { prepare: true })];
  });
  database.noteAnswer();
  return found;
}

/** "GRST" as a number: keeps these locks apart from the sessions' of instances. */
const STATEMENT_LOCKS = 0x47525354;

/** Like `rows`, but after every other statement under the same `lock` that has begun: it sees what they wrote. */
export async function rowsUnderLock<Row extends Record<string, unknown>>(
  database: Database,
  lock: string,
  statement: SQL,
): Promise<Row[]> {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  let found: Row[] = [];
  await database.sql.begin(async (transaction) => {
    const take = "select pg_advisory_xact_lock($1::text::int, hashtext($2::text))";
    await transaction.unsafe(take, [String(STATEMENT_LOCKS), lock], { prepare: true });
    found = [...await transaction.unsafe<Row[]>(text, params as never[], { prepare: true })];
  });
  database.noteAnswer();
  return found;
}

/** Parameters of a raw statement on a connection of its own: bound as texts, cast in the statement. */
export function asTexts(values: readonly (string | number | null)[]): (string | null)[] {
  return values.map((value) => value === null ? null : String(value));
}
