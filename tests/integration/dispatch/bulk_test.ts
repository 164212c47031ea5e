/** Bulk operations on a real database: frozen members, results per item, abort, takeover, each thing done once. */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { BulkOperations, type BulkWish } from "../../../core/dispatch/bulk/bulk_operations.ts";
import { BulkRunner, type BulkRunnerOptions } from "../../../core/dispatch/bulk/bulk_runner.ts";
import { viewOfBulkItem } from "../../../core/dispatch/bulk/bulk_request.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { listDispatches } from "../../../db/dispatch_reads.ts";
import { insertInstance, setInstanceState } from "../../../db/instances.ts";
import { rows } from "../../../db/statement.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const ASKER = { actor: "rest:test", origin: "rest" } as const;
const FAST = { itemsPerSecond: 200 };
const ALL = { state: null, after: -1, limit: 200 };
const ANYTHING = {
  ...{ states: [], agents: [], rooms: [], errors: [], priorities: [], origins: [], ids: [], words: [], metadata: [] },
  since: null,
};

let postgres: TestPostgres;
let test: TestDatabase;
let instance: DispatchFixture;
let operations: BulkOperations;
const runners: { stop(): Promise<void>; wake(): void }[] = [];

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
  // No slot: what is asked for waits, so that states are what the test makes them.
  instance = dispatchFixture(test.database, { maxJobs: 0 });
  operations = new BulkOperations({
    database: test.database,
    ...{ maxItems: 100, itemsPerSecond: 10 },
    onChange: () => runners.forEach((runner) => runner.wake()),
  });
});
Deno.test.afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  await test.drop();
});

/** A runner of an instance that is in the table. */
async function startRunner(options: Partial<BulkRunnerOptions> = {}): Promise<string> {
  const id = uuidv7();
  await insertInstance(test.database, {
    ...{ id, hostname: "here", pid: 1, version: "1", maxJobs: 1, region: null, zone: null },
  });
  const runner = new BulkRunner({
    ...{ database: test.database, instanceId: id, dispatcher: instance.dispatcher, logger: silentLogger },
    ...{ onChange: () => {}, pollMs: 20, maxHoldMs: 20, ...options },
  });
  const ending = new AbortController();
  const running = runner.run(ending.signal);
  runners.push({
    wake: () => runner.wake(),
    stop: () => {
      ending.abort();
      return running;
    },
  });
  return id;
}

async function request(room: string): Promise<string> {
  const result = await instance.dispatcher.request({ agent: "echo", room }, REQUESTER, NO_WAIT);
  assert.ok(result.ok);
  return result.dispatch.id;
}

async function ended(...rooms: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const room of rooms) {
    const id = await request(room);
    await instance.dispatcher.cancel(id, "test");
    ids.push(id);
  }
  return ids;
}

const retryOf = (ids: string[]): BulkWish => ({ kind: "retry", source: { by: "ids", ids } });

async function begun(wish: BulkWish, terms: Parameters<BulkOperations["create"]>[2] = FAST): Promise<string> {
  const made = await operations.create(wish, ASKER, terms);
  assert.ok(made.ok, made.ok ? "" : made.refusal.code);
  return made.value.operation.id;
}

async function refusalOf(wish: BulkWish, terms = {}): Promise<string> {
  const made = await operations.create(wish, ASKER, terms);
  return made.ok ? "none" : made.refusal.code;
}

const ending = (id: string) =>
  eventually(async () => {
    const operation = await operations.find(id);
    return operation?.state === "running" ? null : operation;
  }, { what: "the operation's end" });

/** What became of each item. */
async function results(id: string): Promise<string[]> {
  return (await operations.items(id, ALL)).map(viewOfBulkItem).map(({ state, code }) => code ?? state);
}

async function allDispatches() {
  return (await listDispatches(test.database, { limit: 200, cursor: null }, {})).map(({ dispatch }) => dispatch);
}

Deno.test("A bulk operation acts on what fitted when it was stored, not on what came later", async () => {
  await ended("a", "b");
  const wish: BulkWish = { kind: "retry", source: { by: "query", filter: ANYTHING, text: "since:1h" } };
  const preview = await operations.preview(wish);
  assert.ok(preview.ok);
  assert.deepEqual([preview.value.eligible, preview.value.takesMs], [2, 200]);
  assert.deepEqual(preview.value.sample.map(({ room }) => room), ["b", "a"]);
  const id = await begun(wish, { ...FAST, expected: 2 });
  await ended("late");
  await startRunner();
  const { state, total, counts } = await ending(id);
  assert.deepEqual({ state, total, counts }, {
    ...{ state: "done", total: 2 },
    counts: { waiting: 0, done: 2, failed: 0, skipped: 0 },
  });
  const retries = (await allDispatches()).filter(({ retryOf }) => retryOf !== null);
  assert.deepEqual(retries.map(({ room }) => room).sort(), ["a", "b"]);
  assert.deepEqual(new Set(retries.map(({ origin }) => origin)), new Set(["retry"]));
});

Deno.test("Each named dispatch gets a result: done, or skipped with the reason", async () => {
  const [gone = ""] = await ended("gone");
  const waiting = await request("waiting");
  const nobody = uuidv7();
  const retry = await begun(retryOf([gone, waiting, nobody]));
  const cancel = await begun({ kind: "cancel", source: { by: "ids", ids: [gone, waiting] } });
  await startRunner();
  await Promise.all([ending(retry), ending(cancel)]);
  assert.deepEqual(await results(retry), ["done", "not_ended", "not_found"]);
  assert.deepEqual(await results(cancel), ["already_ended", "done"]);
  const [item] = await operations.items(retry, ALL);
  assert.deepEqual([item?.room, item?.resultState], ["gone", "queued"]);
  assert.deepEqual(
    (await operations.items(retry, { state: "skipped", after: 1, limit: 10 })).map((each) => each.code),
    [
      "not_found",
    ],
  );
});

Deno.test("A dispatch that was retried since, or is in another operation, is not retried twice", async () => {
  const ids = await ended("a", "b");
  const id = await begun(retryOf(ids));
  assert.equal(await refusalOf(retryOf(ids)), "nothing_to_do");
  const byHand = await instance.dispatcher.retry(ids[0] ?? "", undefined, REQUESTER, NO_WAIT);
  assert.ok(byHand.ok);
  await startRunner();
  await ending(id);
  assert.deepEqual(await results(id), ["retry_under_way", "done"]);
  assert.equal((await allDispatches()).length, 4);
  const wish: BulkWish = { kind: "retry", source: { by: "query", filter: ANYTHING, text: "since:1h" } };
  assert.equal(await refusalOf(wish), "nothing_to_do");
});

Deno.test("What is confirmed is what is done: another number, too many and nothing are refused", async () => {
  const ids = await ended("a", "b");
  assert.equal(await refusalOf(retryOf(ids), { expected: 3 }), "count_changed");
  assert.equal(await refusalOf(retryOf([uuidv7()])), "nothing_to_do");
  assert.equal(await refusalOf(retryOf(Array.from({ length: 101 }, () => uuidv7()))), "too_many_items");
  const requests = Array.from({ length: 101 }, () => ({ agent: "echo", room: "r" }));
  assert.equal(await refusalOf({ kind: "create", requests }), "too_many_items");
  assert.deepEqual(await operations.list({ limit: 10, cursor: null }), []);
});

Deno.test("An aborted operation does no further item, and what waits is skipped", async () => {
  const ids = await ended("a", "b", "c");
  const id = await begun(retryOf(ids), { itemsPerSecond: 1 });
  await startRunner();
  await eventually(async () => (await operations.find(id))?.counts.done === 1, { what: "the first item" });
  const aborted = await operations.abort(id);
  assert.ok(aborted.ok);
  assert.equal(aborted.value.state, "aborted");
  assert.deepEqual(await results(id), ["done", "aborted", "aborted"]);
  assert.equal((await operations.abort(id)).ok, true);
  assert.equal((await allDispatches()).length, 4);
});

Deno.test("When an instance dies between doing and noting, another one ends the operation and nothing is done twice", async () => {
  const ids = await ended("a", "b");
  const id = await begun(retryOf(ids));
  const did = Promise.withResolvers<void>();
  const hang = Promise.withResolvers<void>();
  const { dispatcher } = instance;
  const first = await startRunner({
    dispatcher: {
      request: dispatcher.request.bind(dispatcher),
      cancel: dispatcher.cancel.bind(dispatcher),
      async retry(...args) {
        const result = await dispatcher.retry(...args);
        did.resolve();
        await hang.promise;
        return result;
      },
    },
  });
  await did.promise;
  await setInstanceState(test.database, first, "lost");
  await startRunner();
  await ending(id);
  const items = await operations.items(id, ALL);
  hang.resolve(); // it comes back: its result is noted no more
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  assert.deepEqual(await operations.items(id, ALL), items);
  assert.deepEqual(items.map(({ state }) => state), ["done", "done"]);
  assert.equal((await allDispatches()).length, 4);
});

Deno.test("An instance that stops gives its operation up, and the next one goes on where it was", async () => {
  const ids = await ended("a", "b", "c");
  const id = await begun(retryOf(ids), { itemsPerSecond: 1 });
  await startRunner();
  await eventually(async () => (await operations.find(id))?.counts.done === 1, { what: "the first item" });
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  const { instanceId, state, counts } = await operations.find(id) ?? {};
  assert.deepEqual([instanceId, state, counts?.waiting], [null, "running", 2]);
  await rows(test.database, sql`update bulk_operations set items_per_second = 200`);
  await startRunner();
  assert.equal((await ending(id)).counts.done, 3);
});

Deno.test("A bulk create holds while the queue is full, and the same id is one operation", async () => {
  instance = dispatchFixture(test.database, { maxJobs: 0, queueCapacity: 2 });
  const requests = ["a", "b", "c"].map((room) => ({ agent: "echo", room }));
  requests.push({ agent: "nobody-has-it", room: "d" });
  const id = uuidv7();
  const made = await operations.create({ kind: "create", requests }, ASKER, { id, ...FAST });
  const again = await operations.create({ kind: "create", requests }, ASKER, { id, ...FAST });
  assert.ok(made.ok && again.ok);
  assert.deepEqual([made.value.isNew, again.value.isNew], [true, false]);
  await startRunner();
  await eventually(async () => (await operations.find(id))?.counts.done === 2, { what: "two items" });
  const [waiting] = await allDispatches();
  await instance.dispatcher.cancel(waiting?.id ?? "", "test");
  await ending(id);
  assert.deepEqual(await results(id), ["done", "done", "done", "unknown_agent"]);
  assert.equal((await allDispatches()).length, 3);
});
