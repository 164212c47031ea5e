/** What doctor wants to know of a database; changes nothing in it. */
import type { Database } from "./client.ts";
import { DatabaseError, describeDatabaseError } from "./database_error.ts";
import { type MigrationState, OLDEST_SERVER, readMigrationState } from "./migrate.ts";

export interface DatabaseDiagnosis extends MigrationState {
  /** As the server says it, e.g. "16.3". */
  version: string;
  /** Whether its version is one that Greenroom works with. */
  isRecentEnough: boolean;
  roundTripMs: number;
  /** False: a pooler gives one server session to several clients, which breaks session locks and LISTEN. */
  hasOwnSessions: boolean;
}

/** Throws DatabaseError when the database can't be reached or used. */
export async function diagnoseDatabase(database: Database): Promise<DatabaseDiagnosis> {
  const [first, second] = [database.dedicated(), database.dedicated()];
  try {
    const [server] = await first<{ version: string; major: number; pid: number }[]>`
      select current_setting('server_version') as version,
        current_setting('server_version_num')::int / 10000 as major, pg_backend_pid() as pid`;
    const startedAt = performance.now();
    // A pooler in transaction mode has taken the idle first client's session away, and hands it to the second.
    await first`select 1`;
    const roundTripMs = performance.now() - startedAt;
    const [other] = await second<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return {
      version: server?.version ?? "unknown",
      isRecentEnough: (server?.major ?? 0) >= OLDEST_SERVER,
      roundTripMs,
      hasOwnSessions: server?.pid !== other?.pid,
      ...await readMigrationState(first),
    };
  } catch (error) {
    throw error instanceof DatabaseError ? error : new DatabaseError(describeDatabaseError(error), { cause: error });
  } finally {
    await Promise.all([first.end({ timeout: 1 }), second.end({ timeout: 1 })]);
  }
}
