/** One known fact: the database is there, or away since when. A real server, really stopped. */
import assert from "node:assert/strict";
import { DatabaseWatch } from "../../../core/coordination/database_watch.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { DatabaseError } from "../../../db/database_error.ts";
import type { Database } from "../../../db/client.ts";
import { eventually } from "../../support/eventually.ts";
import { type OutagePostgres, startOutagePostgres } from "../../support/outage_postgres.ts";

let postgres: OutagePostgres;
Deno.test.beforeAll(async () => {
  postgres = await startOutagePostgres();
});
Deno.test.afterAll(async () => await postgres?.[Symbol.asyncDispose]());

async function withWatch(work: (watch: DatabaseWatch, database: Database) => Promise<void>): Promise<void> {
  const database = postgres.open();
  const watch = new DatabaseWatch({ database, silenceMs: 600, logger: silentLogger });
  const ending = new AbortController();
  await watch.look();
  const running = watch.run(ending.signal);
  try {
    await work(watch, database);
  } finally {
    ending.abort();
    await running;
    await database.close();
  }
}

/** What a statement fails with. */
async function failure(statement: () => Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await statement();
  } catch (error) {
    const { code, message } = error as DatabaseError;
    return { code, message };
  }
  throw new Error("the statement succeeded");
}

Deno.test("DatabaseWatch gives a statement up when the database's host goes silent", async () => {
  await withWatch(async (watch, database) => {
    await postgres.freeze();
    watch.suspect();
    const given = await failure(async () => await database.sql`select 1`);
    assert.equal(given.code, "CONNECTION_DESTROYED");
    assert.ok(watch.awaySince !== null);
    const next = await failure(async () => await database.reads.db.execute("select 1"));
    assert.equal(next.code, "away");
    assert.match(next.message, /has been away since .*Z: It does not answer/);
    await postgres.thaw();
    await eventually(() => watch.awaySince === null, { what: "the database back" });
    assert.equal((await database.sql`select 1`).length, 1);
  });
});

Deno.test("DatabaseWatch tells once that the database is away when it refuses, and once that it is back", async () => {
  await withWatch(async (watch, database) => {
    const told: boolean[] = [];
    watch.onChange((isAway) => told.push(isAway));
    await postgres.crash();
    watch.suspect();
    await eventually(() => watch.awaySince !== null, { what: "the database away" });
    const { code } = await failure(async () => await database.sql`select 1`);
    assert.equal(code, "away");
    await postgres.start();
    await eventually(() => watch.awaySince === null, { what: "the database back" });
    await eventually(async () => (await database.sql`select 1`).length === 1);
    assert.deepEqual(told, [true, false]);
  });
});

Deno.test("DatabaseWatch does not call the database away when only its own connection is cut", async () => {
  await withWatch(async (watch, database) => {
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and query = 'select 1'`;
    await watch.look();
    assert.equal(watch.awaySince, null);
  });
});

Deno.test("DatabaseWatch does not call the database away when this process stood still", async () => {
  const database = postgres.open();
  const watch = new DatabaseWatch({ database, silenceMs: 600, logger: silentLogger });
  await watch.look();
  const looking = watch.look();
  const stillUntil = performance.now() + 1_500;
  while (performance.now() < stillUntil);
  await looking;
  assert.equal(watch.awaySince, null);
  await database.close();
});

Deno.test("DatabaseWatch does not call a database away that answers other statements while its probe waits", async () => {
  let probes = 0;
  const answer = () => ++probes === 1 ? Promise.resolve([]) : new Promise(() => {});
  const probed = Object.assign(answer, { end: () => Promise.resolve() });
  const watch = new DatabaseWatch({
    database: {
      dedicated: () => probed as unknown as ReturnType<Database["dedicated"]>,
      get answeredAtMs() {
        return performance.now();
      },
      shut: () => assert.fail("the pool was shut"),
      open: () => {},
      warm: () => Promise.resolve(),
    },
    silenceMs: 20,
    logger: silentLogger,
  });
  await watch.look();
  await watch.look();
  assert.equal(probes, 2);
  assert.equal(watch.awaySince, null);
});
