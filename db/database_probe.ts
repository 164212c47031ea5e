/** Asks the database for a sign of life, on a connection of its own. */
import type postgres from "postgres";
import type { Database } from "./client.ts";
import { type DatabaseProblem, describeDatabaseError } from "./database_error.ts";

export interface DatabaseProbe {
  /** Whether the last question was answered, so that the next one needs no new connection. */
  readonly isConnected: boolean;
  /** Null when it answered; else why not. `isNew`: over a new connection. Never rejects, and may never resolve: bound it. */
  ask(isNew: boolean): Promise<DatabaseProblem | null>;
  /** Gives the connection up, and with it what was asked. */
  drop(): void;
}

export function probeDatabase(database: Pick<Database, "dedicated">): DatabaseProbe {
  let kept: postgres.Sql | null = null;
  let isConnected = false;
  const drop = () => {
    isConnected = false;
    void kept?.end({ timeout: 0 });
    kept = null;
  };
  return {
    drop,
    get isConnected() {
      return isConnected;
    },
    async ask(isNew) {
      if (isNew) drop();
      const connection = kept ??= database.dedicated();
      try {
        await connection`select 1`;
        isConnected = connection === kept;
        return null;
      } catch (error) {
        if (connection === kept) isConnected = false;
        return describeDatabaseError(error);
      }
    },
  };
}
