/**
 * The one way to the database: postgres.js with drizzle on top, the same for the embedded server and for DATABASE_URL.
 *
 * drizzle switches the client's date and json conversions off: through `sql`, times come as text and go in as ISO text,
 * and json parameters are texts (`${JSON.stringify(x)}::text::jsonb`). Through `db` columns convert as the schema says.
 */
import { setTimeout as delay } from "node:timers/promises";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Logger } from "../core/lifecycle/logger.ts";
import { DatabaseError, type DatabaseProblem, describeDatabaseError, isTransient } from "./database_error.ts";
import type { DatabaseConnection } from "./embedded.ts";

export interface DatabaseOptions {
  /** DATABASE_URL, or the embedded server's connection. */
  source: string | DatabaseConnection;
  /** Connections of the pool. */
  poolSize: number;
  connectTimeoutMs: number;
  /** Limit of one statement, enforced by the server. */
  statementTimeoutMs: number;
  /** As pg_stat_activity shows it. */
  applicationName?: string;
  /** Connections and statement limit of `reads`; left out: reads use the pool. */
  reads?: { poolSize: number; statementTimeoutMs: number };
}

export interface Database {
  /** Raw statements; see above for times and json. */
  readonly sql: postgres.Sql;
  readonly db: PostgresJsDatabase;
  /**
   * For what people look at (pages, lists): a few connections of their own, opened when they are needed, with a shorter
   * limit of one statement. A slow read ends in an error, and waits for other reads only: the work keeps its connections.
   */
  readonly reads: Database;
  /** When a statement was answered last, by `performance.now()`; -Infinity before the first. */
  readonly answeredAtMs: number;
  /** A statement has been answered just now (called by those of db/statement.ts). */
  noteAnswer(): void;
  /**
   * The database is known to be away: statements without an answer are given up now, and new ones fail at once with this
   * problem, until `open`. Whether a statement that was given up took effect is not known. `dedicated` is not concerned.
   */
  shut(problem: DatabaseProblem): void;
  /** Statements are sent again, on new connections. */
  open(): void;
  /** Opens the whole pool, so that no request waits for a connection. Throws DatabaseError. */
  warm(): Promise<void>;
  /**
   * One more connection of its own, without statement timeout: for LISTEN, session locks, migrations. End it yourself. It is
   * opened anew by itself; `onClose` is told each time that it has gone, with all that its session held.
   */
  dedicated(onClose?: () => void): postgres.Sql;
  /** Lets running statements end (at most 5 s), then closes every connection of the pool. */
  close(): Promise<void>;
}

const CLOSE_TIMEOUT_S = 5;
const RECONNECT_MAX_S = 1;

/** Opens nothing yet: the first statement, `warm` or `waitForDatabase` does. */
export function openDatabase(options: DatabaseOptions): Database {
  const { reads: forReads, ...others } = options;
  const reads = forReads ? openDatabase({ ...others, ...forReads }) : null;
  const connectPool = () => {
    const sql = connect(options, { max: options.poolSize, statementTimeoutMs: options.statementTimeoutMs });
    return { sql, db: drizzle(sql) };
  };
  let pool = connectPool();
  let shutFor: DatabaseProblem | null = null;
  let answeredAtMs = -Infinity;
  const openPool = () => {
    if (shutFor !== null) throw new DatabaseError(shutFor);
    return pool;
  };
  return {
    get sql() {
      return openPool().sql;
    },
    get db() {
      return openPool().db;
    },
    get reads(): Database {
      return reads ?? this;
    },
    get answeredAtMs() {
      return Math.max(answeredAtMs, reads?.answeredAtMs ?? -Infinity);
    },
    noteAnswer() {
      answeredAtMs = performance.now();
    },
    shut(problem) {
      reads?.shut(problem);
      if (shutFor === null) void pool.sql.end({ timeout: 0 });
      shutFor = problem;
    },
    open() {
      reads?.open();
      if (shutFor !== null) pool = connectPool();
      shutFor = null;
    },
    async warm() {
      try {
        const { sql } = openPool();
        await Promise.all(Array.from({ length: options.poolSize }, () => sql`select 1`.execute()));
      } catch (error) {
        throw asDatabaseError(error);
      }
    },
    dedicated: (onClose) => connect(options, { max: 1, statementTimeoutMs: 0, ...(onClose && { onClose }) }),
    async close() {
      await Promise.all([pool.sql.end({ timeout: CLOSE_TIMEOUT_S }), reads?.close()]);
    },
  };
}

/**
 * Whether an error that nothing caught is of the driver's own statement: on each new connection postgres.js (3.4) asks for
 * the array types, and when the connection goes meanwhile nobody hears of it but the process. What waited for the connection
 * has failed by itself. Without that statement (`fetch_types: false`) it would be worse: the answer after one that was cut
 * off lacks its first rows, and as it is that is this statement's.
 */
export function isDriversOwn(error: unknown): boolean {
  const query = (error as { query?: unknown } | null | undefined)?.query;
  return typeof query === "string" && /\btyparray\b[\s\S]*\bpg_catalog\.pg_type\b/.test(query);
}

function connect(
  options: DatabaseOptions,
  own: { max: number; statementTimeoutMs: number; onClose?: () => void },
): postgres.Sql {
  const settings = {
    max: own.max,
    connect_timeout: options.connectTimeoutMs / 1000,
    // Connections stay: renewing one would make some request wait.
    max_lifetime: null,
    // After an outage the pool is back within a second; the driver's own wait grows to 20 s.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, RECONNECT_MAX_S) * (0.5 + Math.random() / 2),
    onnotice: () => {},
    ...(own.onClose && { onclose: own.onClose }),
    connection: {
      application_name: options.applicationName ?? "greenroom",
      ...(own.statementTimeoutMs > 0 ? { statement_timeout: own.statementTimeoutMs } : {}),
    },
  };
  return typeof options.source === "string"
    ? postgres(forDriver(options.source), settings)
    : postgres({ ...options.source, ssl: false, ...settings });
}

/** The driver sends URL parameters it does not know to the server, which refuses those meant for libpq. */
function forDriver(url: string): string {
  const parsed = new URL(url);
  const before = parsed.searchParams.size;
  for (const name of ["channel_binding", "gssencmode", "krbsrvname"]) parsed.searchParams.delete(name);
  return parsed.searchParams.size === before ? url : parsed.href;
}

/**
 * Resolves when a statement succeeded. Tries again, for `withinMs`, only what passes by itself (starting up, refused, no
 * connection free, name not yet known); a wrong password or name fails at once. Throws DatabaseError.
 */
export async function waitForDatabase(
  database: Database,
  options: { signal: AbortSignal; withinMs: number; logger: Logger },
): Promise<void> {
  const startedAt = performance.now();
  let said: string | null = null;
  for (let tries = 0;; tries++) {
    options.signal.throwIfAborted();
    try {
      await database.sql`select 1`;
      if (said !== null) options.logger.info(`database: reached after ${tries + 1} tries`);
      return;
    } catch (error) {
      const problem = describeDatabaseError(error);
      const elapsedMs = performance.now() - startedAt;
      if (!isTransient(problem) || elapsedMs >= options.withinMs) throw new DatabaseError(problem, { cause: error });
      if (said !== problem.code) {
        const leftS = Math.ceil((options.withinMs - elapsedMs) / 1000);
        options.logger.warn(`database: ${problem.message} Trying for ${leftS} s more. ${problem.remedy}`);
      }
      said = problem.code;
    }
    await delay(Math.min(100 * 2 ** tries, 1_000), undefined, { signal: options.signal });
  }
}

function asDatabaseError(error: unknown): DatabaseError {
  return error instanceof DatabaseError ? error : new DatabaseError(describeDatabaseError(error), { cause: error });
}
