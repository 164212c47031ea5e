/**
 * Brings the schema up to date with drizzle's migrations. Any number of processes may do it at once: one does the work
 * under a session advisory lock, the others wait and then find nothing to do. Each migration is all or nothing.
 *
 * Two versions of the program run side by side during a roll-out (expand, then contract): a schema that is newer than
 * this program is used as it is, and logged.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type postgres from "postgres";
import type { Logger } from "../core/lifecycle/logger.ts";
import type { Database } from "./client.ts";
import { DatabaseError, describeDatabaseError } from "./database_error.ts";

/** Of pg_advisory_lock: "GRMI" as a number; taken by migrations only. */
export const MIGRATION_LOCK = 0x47524d49;
export const MIGRATIONS_FOLDER = fileURLToPath(new URL("./migrations", import.meta.url));
/** Oldest major version of PostgreSQL that Greenroom works with. */
export const OLDEST_SERVER = 14;

export interface MigrationResult {
  /** How many migrations this call ran. */
  ran: number;
  /** The database was migrated by a newer program than this one. */
  newer: boolean;
  durationMs: number;
}

/** Runs the missing migrations. Throws DatabaseError, also when the server is too old. */
export async function migrateDatabase(
  database: Database,
  logger: Logger,
  folder: string = MIGRATIONS_FOLDER,
): Promise<MigrationResult> {
  const startedAt = performance.now();
  const newest = await newestMigration(folder);
  const sql = database.dedicated();
  try {
    await requireServer(sql);
    await lock(sql, logger);
    const before = await applied(sql);
    await migrate(drizzle(sql), { migrationsFolder: folder });
    const after = await applied(sql);
    const result = {
      ran: after.count - before.count,
      newer: after.newest > newest,
      durationMs: Math.round(performance.now() - startedAt),
    };
    report(result, logger);
    return result;
  } catch (error) {
    throw explain(error);
  } finally {
    await sql.end({ timeout: 5 }); // Ends the session, and with it the lock.
  }
}

export interface MigrationState {
  /** How many migrations of this program the database lacks. */
  pending: number;
  /** The database was migrated by a newer program than this one. */
  newer: boolean;
}

/** What `migrateDatabase` would find, without changing anything. */
export async function readMigrationState(
  sql: postgres.Sql,
  folder: string = MIGRATIONS_FOLDER,
): Promise<MigrationState> {
  const dates = await migrationDates(folder);
  const { newest } = await applied(sql);
  return { pending: dates.filter((when) => when > newest).length, newer: newest > (dates.at(-1) ?? 0) };
}

/** When the newest migration of `folder` was made; drizzle runs those made after the last one that the database has. */
async function newestMigration(folder: string): Promise<number> {
  return (await migrationDates(folder)).at(-1) ?? 0;
}

async function migrationDates(folder: string): Promise<number[]> {
  const journal = JSON.parse(await Deno.readTextFile(join(folder, "meta", "_journal.json"))) as {
    entries: { tag: string; when: number }[];
  };
  let newest = 0;
  for (const { tag, when } of journal.entries) {
    if (when <= newest) {
      throw new DatabaseError({
        code: "migrations_broken",
        message: `Migration ${tag} is dated before its predecessor: databases that have the predecessor would skip it.`,
        remedy: "Raise its `when` in meta/_journal.json above the predecessor's.",
      });
    }
    newest = when;
  }
  return journal.entries.map(({ when }) => when);
}

async function requireServer(sql: postgres.Sql): Promise<void> {
  const [row] = await sql<{ version: string; number: number }[]>`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as number`;
  const major = Math.floor((row?.number ?? 0) / 10_000);
  if (major >= OLDEST_SERVER) return;
  throw new DatabaseError({
    code: "server_too_old",
    message: `The database server is PostgreSQL ${row?.version}; Greenroom needs ${OLDEST_SERVER} or newer.`,
    remedy: "Upgrade the server, or unset DATABASE_URL to use the embedded one.",
  });
}

async function lock(sql: postgres.Sql, logger: Logger): Promise<void> {
  const [row] = await sql<{ got: boolean }[]>`select pg_try_advisory_lock(${MIGRATION_LOCK}) as got`;
  if (row?.got) return;
  logger.info("database: waiting for another process that migrates");
  await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
}

async function applied(sql: postgres.Sql): Promise<{ count: number; newest: number }> {
  const [table] = await sql<{ there: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as there`;
  if (!table?.there) return { count: 0, newest: 0 };
  const [row] = await sql<{ count: number; newest: string }[]>`
    select count(*)::int as count, coalesce(max(created_at), 0) as newest from drizzle.__drizzle_migrations`;
  return { count: row?.count ?? 0, newest: Number(row?.newest ?? 0) };
}

function report(result: MigrationResult, logger: Logger): void {
  const { ran, newer, durationMs } = result;
  if (ran > 0) logger.info(`database: ${ran} migration${ran === 1 ? "" : "s"} ran in ${durationMs} ms`);
  else logger.debug(`database: schema is up to date (looked for ${durationMs} ms)`);
  if (newer) logger.warn("database: its schema is newer than this program; fine during a roll-out, else update it");
}

/** An error in a migration's SQL is the program's fault and says which statement; others are the database's. */
function explain(error: unknown): DatabaseError {
  const problem = describeDatabaseError(error);
  if (problem.code !== "unexpected") return new DatabaseError(problem, { cause: error });
  return new DatabaseError({
    code: "migrations_broken",
    message: `A migration failed, and nothing of it was kept. ${problem.message}`,
    remedy: "If the database was changed by hand, undo that; else report this with the message above.",
  }, { cause: error });
}
