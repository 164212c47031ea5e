/**
 * A real PostgreSQL per test file: one embedded server in a temporary directory, and a fresh database per test, cloned
 * from a migrated template (about 50 ms each on a memory disk, 250 ms on a slow one).
 */
import { openDataDir } from "../../core/lifecycle/data_dir.ts";
import { type Logger, silentLogger } from "../../core/lifecycle/logger.ts";
import { type Database, type DatabaseOptions, openDatabase } from "../../db/client.ts";
import { type DatabaseConnection, EmbeddedPostgres } from "../../db/embedded.ts";
import { migrateDatabase } from "../../db/migrate.ts";
import { copyClusterOfRun, makeTestDir } from "./test_dir.ts";

export interface TestDatabase {
  database: Database;
  /** For a second client, or for a process that gets its own. */
  connection: DatabaseConnection;
  /** Closes the client and drops the database, whoever is still connected. */
  drop(): Promise<void>;
}

export interface TestPostgres {
  createTestDatabase(options?: Partial<DatabaseOptions>): Promise<TestDatabase>;
  /** The server itself, for tests that stop and start it. */
  server: EmbeddedPostgres;
  /** Its data directory. */
  path: string;
  /** Stops the server and removes its directory. */
  stop(): Promise<void>;
}

/** Nothing here survives a power cut, and nothing needs to. */
const FAST = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "100" };
const TEMPLATE = "greenroom_template";
const DEFAULTS = { poolSize: 5, connectTimeoutMs: 10_000, statementTimeoutMs: 15_000 };

/**
 * Makes a cluster with its template, or copies the run's.
 * @param options.migrate false gives empty databases.
 */
export async function startTestPostgres(
  options: { migrate?: boolean; logger?: Logger } = {},
): Promise<TestPostgres> {
  const logger = options.logger ?? silentLogger;
  const path = await makeTestDir();
  const migrated = options.migrate ?? true;
  const copied = migrated && await copyClusterOfRun(path);
  const dataDir = await openDataDir(path);
  const server = new EmbeddedPostgres({ dataDir, logger, settings: FAST, durable: false });
  async function stop(): Promise<void> {
    await server.stop();
    dataDir.close();
    await Deno.remove(path, { recursive: true });
  }
  try {
    await server.start(new AbortController().signal);
    if (!copied) await onAdmin(server, (admin) => admin.sql.unsafe(`create database ${TEMPLATE}`));
    if (migrated && !copied) await migrateTemplate(server, logger);
  } catch (error) {
    await stop();
    throw error;
  }
  let made = 0;
  return {
    server,
    path,
    stop,
    async createTestDatabase(own = {}) {
      const name = `test_${++made}`;
      await onAdmin(server, (admin) => admin.sql.unsafe(`create database ${name} template ${TEMPLATE}`));
      const connection = { ...server.connection, database: name };
      const database = openDatabase({ source: connection, ...DEFAULTS, ...own });
      return {
        database,
        connection,
        async drop() {
          await database.close();
          await onAdmin(server, (admin) => admin.sql.unsafe(`drop database ${name} with (force)`));
        },
      };
    },
  };
}

/** For a whole test file: one server, and a fresh database for each of its tests, there while the test runs. */
export function databaseForEachTest(): Pick<TestDatabase, "database" | "connection"> {
  let server: TestPostgres | null = null;
  let test: TestDatabase | null = null;
  Deno.test.beforeAll(async () => {
    server = await startTestPostgres();
  });
  Deno.test.afterAll(async () => await server?.stop());
  Deno.test.beforeEach(async () => {
    test = await server?.createTestDatabase() ?? null;
  });
  Deno.test.afterEach(async () => await test?.drop());
  const current = (): TestDatabase => {
    if (!test) throw new Error("The database is there while a test runs");
    return test;
  };
  return {
    get database() {
      return current().database;
    },
    get connection() {
      return current().connection;
    },
  };
}

async function migrateTemplate(server: EmbeddedPostgres, logger: Logger): Promise<void> {
  const database = openDatabase({ source: { ...server.connection, database: TEMPLATE }, ...DEFAULTS, poolSize: 1 });
  try {
    await migrateDatabase(database, logger);
  } finally {
    await database.close();
  }
}

async function onAdmin(server: EmbeddedPostgres, work: (admin: Database) => Promise<unknown>): Promise<void> {
  const admin = openDatabase({ source: server.connection, ...DEFAULTS, poolSize: 1 });
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}
