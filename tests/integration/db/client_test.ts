import assert from "node:assert/strict";
import { join } from "node:path";
import { createLogger, type Logger, silentLogger } from "../../../core/lifecycle/logger.ts";
import { claimUncaught } from "../../../core/lifecycle/uncaught_errors.ts";
import {
  type Database,
  type DatabaseOptions,
  isDriversOwn,
  openDatabase,
  waitForDatabase,
} from "../../../db/client.ts";
import { DatabaseError, describeDatabaseError } from "../../../db/database_error.ts";
import { migrateDatabase, MIGRATION_LOCK } from "../../../db/migrate.ts";
import { startDatabaseChild } from "../../support/database_processes.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";
import { startPostgresProxy } from "../../support/postgres_proxy.ts";

const LIMITS = { poolSize: 2, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000 };
const SECRET = "s3cret-pa55word";
const never = new AbortController().signal;
let postgres: TestPostgres;

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres({ migrate: false });
});
Deno.test.afterAll(() => postgres.stop());

async function withClient(
  source: DatabaseOptions["source"],
  work: (database: Database) => Promise<void>,
): Promise<void> {
  const database = openDatabase({ source, ...LIMITS });
  try {
    await work(database);
  } finally {
    await database.close();
  }
}

async function withTestDatabase(
  work: (test: Awaited<ReturnType<TestPostgres["createTestDatabase"]>>) => Promise<void>,
  options: Partial<DatabaseOptions> = {},
): Promise<void> {
  const test = await postgres.createTestDatabase(options);
  try {
    await work(test);
  } finally {
    await test.drop();
  }
}

function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(work).then(() => assert.fail("it succeeded"), (thrown) => thrown);
}

async function failure(work: Promise<unknown>): Promise<DatabaseError> {
  const error = await work.then(() => null, (thrown) => thrown);
  assert.ok(error instanceof DatabaseError, `expected a DatabaseError, got ${Deno.inspect(error)}`);
  assert.ok(error.remedy.length > 0);
  assert.ok(!`${error.message} ${error.remedy}`.includes(SECRET));
  return error;
}

function listening(lines: string[]): Logger {
  return createLogger({ level: "debug", format: "json", write: (line) => lines.push(JSON.parse(line).message) });
}

Deno.test("The driver's own failure, when the database is shut while a connection is made, is told from others", () =>
  withTestDatabase(async ({ connection }) => {
    const claimed: unknown[] = [];
    const unclaim = claimUncaught((error) => isDriversOwn(error) && claimed.push(error) > 0);
    await using proxy = await startPostgresProxy(connection);
    const kept = proxy.keepAnswer("SELECT");
    await withClient(proxy.connection, async (database) => {
      const answer = failureOf(database.sql`select 7`.execute());
      await kept;
      database.shut({ code: "away", message: "It does not answer.", remedy: "Wait." });
      assert.equal((await answer as { code?: string }).code, "CONNECTION_DESTROYED");
      await eventually(() => claimed.length === 1, { what: "the driver's own failure" });
    });
    unclaim();
    assert.equal(isDriversOwn(Object.assign(new Error("other"), { query: "select 1 from pg_catalog.pg_type" })), false);
    assert.equal(isDriversOwn(new Error("other")), false);
  }));

Deno.test("Database.warm opens as many connections as the pool has", () =>
  withTestDatabase(async ({ database }) => {
    await database.warm();
    const [row] = await database.sql`
      select count(*)::int as count from pg_stat_activity
      where application_name = 'greenroom' and datname = current_database()`;
    assert.equal(row?.count, 4);
  }, { poolSize: 4 }));

Deno.test("Database ends a statement at its limit, but not one of a dedicated connection", () =>
  withTestDatabase(async ({ database }) => {
    const error = await database.sql`select pg_sleep(30)`.then(() => null, (thrown) => thrown);
    assert.equal(describeDatabaseError(error).code, "timeout");
    const own = database.dedicated();
    const [row] = await own`select current_setting('statement_timeout') as limit`;
    assert.equal(row?.limit, "0");
    await own.end();
  }, { statementTimeoutMs: 200 }));

Deno.test("describeDatabaseError finds the server's code when drizzle has wrapped the error", () =>
  withTestDatabase(async ({ database }) => {
    const error = await database.db.execute("select nonsense").then(() => null, (thrown) => thrown);
    const problem = describeDatabaseError(error);
    assert.equal(problem.code, "unexpected");
    assert.match(problem.message, /42703.*column "nonsense" does not exist/);
  }));

Deno.test("waitForDatabase fails at once when the password is wrong", () =>
  withClient({ ...postgres.server.connection, password: SECRET }, async (database) => {
    const options = { signal: never, withinMs: 3_600_000, logger: silentLogger };
    assert.equal((await failure(waitForDatabase(database, options))).code, "wrong_password");
  }));

Deno.test("waitForDatabase fails at once when there is no such database", () =>
  withClient({ ...postgres.server.connection, database: "nowhere" }, async (database) => {
    const options = { signal: never, withinMs: 3_600_000, logger: silentLogger };
    assert.equal((await failure(waitForDatabase(database, options))).code, "unknown_database");
  }));

Deno.test("waitForDatabase says that nothing answers when its time is over", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await withClient(`postgres://someone:${SECRET}@127.0.0.1:${port}/x`, async (database) => {
    const lines: string[] = [];
    const options = { signal: never, withinMs: 300, logger: listening(lines) };
    assert.equal((await failure(waitForDatabase(database, options))).code, "refused");
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /Nothing answers.*DATABASE_URL/);
  });
});

Deno.test("waitForDatabase says that the name is unknown when the host cannot be resolved", () =>
  withClient(`postgres://someone:${SECRET}@no-such-host.invalid/x`, async (database) => {
    const options = { signal: never, withinMs: 0, logger: silentLogger };
    assert.equal((await failure(waitForDatabase(database, options))).code, "host_not_found");
  }));

Deno.test("Database.warm says that no connection is free when the server has none left", async () => {
  await withClient(postgres.server.connection, async (admin) => {
    await admin.sql`drop role if exists limited`;
    await admin.sql.unsafe(`create role limited login connection limit 1 password '${SECRET}'`);
  });
  await withClient({ ...postgres.server.connection, user: "limited", password: SECRET }, async (database) => {
    assert.equal((await failure(database.warm())).code, "too_many_connections");
  });
});

Deno.test("waitForDatabase stops waiting when its signal aborts", async () => {
  const stopping = new AbortController();
  await withClient({ ...postgres.server.connection, host: "/nowhere" }, async (database) => {
    const logger = { ...silentLogger, warn: () => stopping.abort() };
    const waiting = waitForDatabase(database, { signal: stopping.signal, withinMs: 3_600_000, logger });
    await assert.rejects(waiting, { name: "AbortError" });
  });
});

/** A server that speaks just enough of the protocol to refuse: `answer` is sent to the first message of a client. */
async function withRefusingServer(answer: Uint8Array<ArrayBuffer>, work: (port: number) => Promise<void>) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(1_024));
      await connection.write(answer);
      await connection.read(new Uint8Array(1_024)).catch(() => null); // The client may hang up without a word.
      connection.close();
    }
  })();
  try {
    await work(listener.addr.port);
  } finally {
    listener.close();
    await serving;
  }
}

/** ErrorResponse: https://www.postgresql.org/docs/current/protocol-error-fields.html */
function errorResponse(code: string, message: string): Uint8Array<ArrayBuffer> {
  const fields = new TextEncoder().encode(`SFATAL\0C${code}\0M${message}\0\0`);
  const bytes = new Uint8Array(5 + fields.length);
  bytes[0] = "E".charCodeAt(0);
  new DataView(bytes.buffer).setInt32(1, 4 + fields.length);
  bytes.set(fields, 5);
  return bytes;
}

Deno.test("waitForDatabase tells a server that starts, and a pooler that refuses our settings, from their codes", async () => {
  for (
    const [sqlstate, code] of [["57P03", "starting"], ["08P01", "pooler"], ["53300", "too_many_connections"]] as const
  ) {
    await withRefusingServer(
      errorResponse(sqlstate, "no"),
      (port) =>
        withClient(`postgres://someone:${SECRET}@127.0.0.1:${port}/x`, async (database) => {
          const options = { signal: never, withinMs: 0, logger: silentLogger };
          assert.equal((await failure(waitForDatabase(database, options))).code, code);
        }),
    );
  }
});

Deno.test("waitForDatabase says that encryption failed when the server does not offer it but the URL asks for it", () =>
  withRefusingServer(
    new TextEncoder().encode("N"),
    (port) =>
      withClient(`postgres://someone:${SECRET}@127.0.0.1:${port}/x?sslmode=require`, async (database) => {
        const options = { signal: never, withinMs: 0, logger: silentLogger };
        assert.equal((await failure(waitForDatabase(database, options))).code, "tls");
      }),
  ));

Deno.test("waitForDatabase resolves when the server comes up while it waits", async () => {
  await postgres.server.stop();
  const lines: string[] = [];
  await withClient(postgres.server.connection, async (database) => {
    const waiting = waitForDatabase(database, { signal: never, withinMs: 30_000, logger: listening(lines) });
    await eventually(() => lines.length > 0, { what: "the first try failed" });
    await postgres.server.start(never);
    await waiting;
    assert.match(lines.at(-1)!, /reached after \d+ tries/);
  });
});

async function withMigrations(
  files: { tag: string; when: number; sql: string }[],
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "greenroom-test-" });
  try {
    await Deno.mkdir(join(folder, "meta"));
    const entries = files.map(({ tag, when }, idx) => ({ idx, version: "7", when, tag, breakpoints: true }));
    const journal = { version: "7", dialect: "postgresql", entries };
    await Deno.writeTextFile(join(folder, "meta", "_journal.json"), JSON.stringify(journal));
    for (const { tag, sql } of files) await Deno.writeTextFile(join(folder, `${tag}.sql`), sql);
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const FIRST = { tag: "0000_first", when: 1_000, sql: "create table first (n int);" };
const SECOND = { tag: "0001_second", when: 2_000, sql: "create table second (n int);" };

Deno.test("migrateDatabase runs what is missing, once", () =>
  withTestDatabase(async ({ database }) => {
    await withMigrations([FIRST], async (folder) => {
      assert.equal((await migrateDatabase(database, silentLogger, folder)).ran, 1);
      assert.equal((await migrateDatabase(database, silentLogger, folder)).ran, 0);
    });
    await withMigrations([FIRST, SECOND], async (folder) => {
      assert.equal((await migrateDatabase(database, silentLogger, folder)).ran, 1);
    });
    await database.sql`select from first, second`;
  }));

Deno.test("migrateDatabase runs the program's own migrations on an empty database", () =>
  withTestDatabase(async ({ database }) => {
    const { ran, newer } = await migrateDatabase(database, silentLogger);
    assert.ok(ran > 0);
    assert.equal(newer, false);
  }));

Deno.test("migrateDatabase goes on, and warns, when the schema is newer than the program", () =>
  withTestDatabase(async ({ database }) => {
    await withMigrations([FIRST, SECOND], (folder) => migrateDatabase(database, silentLogger, folder).then(() => {}));
    const lines: string[] = [];
    await withMigrations([FIRST], async (folder) => {
      const result = await migrateDatabase(database, listening(lines), folder);
      assert.deepEqual([result.ran, result.newer], [0, true]);
    });
    assert.match(lines.at(-1)!, /newer than this program/);
  }));

Deno.test("migrateDatabase keeps nothing of a migration that fails, and releases its lock", () =>
  withTestDatabase(async ({ database }) => {
    const broken = { ...SECOND, sql: "create table second (n int);--> statement-breakpoint\nselect nonsense;" };
    await withMigrations([FIRST, broken], async (folder) => {
      const error = await failure(migrateDatabase(database, silentLogger, folder));
      assert.equal(error.code, "migrations_broken");
      assert.match(error.message, /column "nonsense" does not exist/);
    });
    const [row] = await database.sql`select to_regclass('second') is null as gone`;
    assert.equal(row?.gone, true);
    await withMigrations([FIRST, SECOND], async (folder) => {
      assert.equal((await migrateDatabase(database, silentLogger, folder)).ran, 2);
    });
  }));

Deno.test("migrateDatabase refuses a migration that is dated before its predecessor", () =>
  withTestDatabase(({ database }) =>
    withMigrations([{ ...FIRST, when: 3_000 }, SECOND], async (folder) => {
      const error = await failure(migrateDatabase(database, silentLogger, folder));
      assert.match(error.message, /0001_second is dated before/);
    })
  ));

Deno.test("migrateDatabase waits and then finds nothing to do when another process migrates at the same time", () =>
  withTestDatabase(async ({ database, connection }) => {
    await withMigrations([FIRST, SECOND], async (folder) => {
      // Holding the lock first makes sure that both processes are at it together.
      const holder = database.dedicated();
      await holder`select pg_advisory_lock(${MIGRATION_LOCK})`;
      await using one = startDatabaseChild("migrate", JSON.stringify(connection), folder);
      await using two = startDatabaseChild("migrate", JSON.stringify(connection), folder);
      const waits = (event: { log?: string }) => event.log?.includes("waiting for another process");
      await Promise.all([one.event(waits), two.event(waits)]);
      await holder.end();
      assert.deepEqual([await one.exited(), await two.exited()], [0, 0]);
      const ran = [...one.events, ...two.events].flatMap((event) => event.ran ?? []);
      assert.deepEqual(ran.sort(), [0, 2]);
    });
  }));
