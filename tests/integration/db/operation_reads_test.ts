/** What the Rooms and Settings pages and the navigation read, on a real database. */
import assert from "node:assert/strict";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { byKind } from "../../../core/services/storage_report.ts";
import type { Database } from "../../../db/client.ts";
import { countUnretriedFailures } from "../../../db/recovery_counts.ts";
import { listDispatchesOfRooms, listJobsOfDispatchIds } from "../../../db/room_reads.ts";
import { dispatches } from "../../../db/schema/dispatches.ts";
import { jobs } from "../../../db/schema/jobs.ts";
import type { DispatchState } from "../../../db/schema/states.ts";
import { databaseBytes, listTableSizes } from "../../../db/storage.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";

const NOW = new Date("2026-01-01T12:00:00Z");
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);

let postgres: TestPostgres;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());

async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  const test = await postgres.createTestDatabase();
  try {
    await work(test.database);
  } finally {
    await test.drop();
  }
}

interface Made {
  room?: string;
  server?: string;
  state?: DispatchState;
  at?: Date;
  retryOf?: string;
}

/** A dispatch, and when it failed the job that it failed with. */
async function insertDispatch(database: Database, made: Made = {}): Promise<string> {
  const { room = "room", server = "local", state = "running", at = minutesAgo(1), retryOf } = made;
  const id = uuidv7();
  const isEnded = !["queued", "placed", "running"].includes(state);
  await database.db.insert(dispatches).values({
    ...{ id, agent: "echo", server, room, state, placement: "direct", origin: "rest", rankAt: at, createdAt: at },
    changeId: uuidv7(),
    endedAt: isEnded ? at : null,
    failureCode: state === "failed" ? "exception" : null,
    ...(retryOf === undefined ? {} : { retryOf }),
  });
  if (state !== "failed") return id;
  await database.db.insert(jobs).values({
    ...{ id: uuidv7(), dispatchId: id, attempt: 1, agent: "echo", server, room, state, instanceId: uuidv7() },
    ...{ participantIdentity: `agent-${id}`, leaseToken: uuidv7(), createdAt: at, endedAt: at, changeId: uuidv7() },
    failureKind: "exception",
  });
  return id;
}

Deno.test("countUnretriedFailures counts failed dispatches of the window that nobody retried, up to its limit", () =>
  withDatabase(async (database) => {
    const since = minutesAgo(60);
    const retried = await insertDispatch(database, { state: "failed" });
    await insertDispatch(database, { state: "failed", at: minutesAgo(61) });
    await insertDispatch(database, { retryOf: retried });
    assert.equal(await countUnretriedFailures(database, since, 100), 0);
    for (let i = 0; i < 3; i++) await insertDispatch(database, { state: "failed", at: minutesAgo(i) });
    assert.equal(await countUnretriedFailures(database, since, 100), 3);
    assert.equal(await countUnretriedFailures(database, since, 2), 2);
  }));

Deno.test("a room's dispatches are its live ones, however old, and its newest others; only of this server", () =>
  withDatabase(async (database) => {
    const live = await insertDispatch(database, { at: minutesAgo(100) });
    const ended: string[] = [];
    for (let i = 0; i < 12; i++) {
      ended.unshift(
        await insertDispatch(database, { state: i === 11 ? "failed" : "cancelled", at: minutesAgo(50 - i) }),
      );
    }
    await insertDispatch(database, { room: "elsewhere" });
    await insertDispatch(database, { server: "other" });
    const found = await listDispatchesOfRooms(database, { server: "local", rooms: ["room", "none"] });
    assert.deepEqual(found.map(({ id }) => id), [...ended.slice(0, 10), live]);
    assert.equal(found[0]?.endedAt, minutesAgo(39).toISOString());
    const [job] = await listJobsOfDispatchIds(database, found.map(({ id }) => id));
    assert.deepEqual([job?.dispatchId, job?.state], [ended[0], "failed"]);
    assert.deepEqual(await listDispatchesOfRooms(database, { server: "local", rooms: [] }), []);
    assert.deepEqual(await listJobsOfDispatchIds(database, []), []);
  }));

Deno.test("sizes are told per table, partitions with their parent, and add up to less than the database", () =>
  withDatabase(async (database) => {
    const tables = await listTableSizes(database);
    const names = tables.map(({ table }) => table);
    for (const name of ["dispatches", "jobs", "job_logs", "spans", "metric_points"]) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(!names.some((name) => /_\d{8}$|_default$/.test(name)), names.join());
    const kinds = byKind(tables);
    const sum = kinds.reduce((total, { bytes }) => total + bytes, 0);
    assert.ok(sum > 0 && sum < await databaseBytes(database));
    assert.deepEqual(kinds.map(({ bytes }) => bytes), kinds.map(({ bytes }) => bytes).toSorted((a, b) => b - a));
  }));
