import assert from "node:assert/strict";
import { ResourceLimiter } from "../../../core/capacity/resource_limiter.ts";
import { findDispatch, listDispatches, listJobs } from "../../../db/dispatch_reads.ts";
import type { Database } from "../../../db/client.ts";
import {
  agentEntry,
  type DispatchFixture,
  dispatchFixture,
  NO_WAIT,
  REQUESTER,
} from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { withProxiedDatabase } from "../../support/postgres_proxy.ts";

let postgres: TestPostgres;
let test: TestDatabase;

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
});
Deno.test.afterEach(() => test.drop());

/** Stores `count` dispatches that wait, by an instance that drains; in the order of their ids. */
async function queue(database: Database, count: number, fields: Record<string, unknown> = {}): Promise<string[]> {
  const full = dispatchFixture(database);
  full.admission.stopAdmitting();
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const request = { agent: "echo", room: `room-${i}`, ...fields };
    const result = await full.dispatcher.request(request, REQUESTER, NO_WAIT);
    assert.ok(result.ok);
    assert.equal(result.dispatch.state, "queued");
    ids.push(result.dispatch.id);
  }
  return ids;
}

function dispatchIds({ jobs }: DispatchFixture): string[] {
  return jobs.plans.map(({ key }) => key.dispatchId);
}

/** Runs the claimers until `isDone`; whatever happens, they are stopped. */
async function whileClaiming(all: DispatchFixture[], isDone: () => Promise<unknown>): Promise<void> {
  const controller = new AbortController();
  const runs = all.map(({ claimer }) => claimer.run(controller.signal));
  try {
    await isDone();
  } finally {
    controller.abort();
    await Promise.all(runs);
  }
}

Deno.test("two claimers never start one dispatch twice, nor more than their slots, until the queue is empty", async () => {
  const { database } = test;
  const ids = await queue(database, 60);
  const all = [dispatchFixture(database, { maxJobs: 5 }), dispatchFixture(database, { maxJobs: 5 })];
  await whileClaiming(all, () =>
    eventually(() => {
      for (const { jobs, admission } of all) {
        assert.ok(jobs.count <= 5 && admission.snapshot().used <= 5 + 5, "more jobs than slots");
        jobs.endOldest();
      }
      return all.flatMap(dispatchIds).length >= ids.length;
    }, { withinMs: 30_000, everyMs: 2 }));
  assert.deepEqual(all.flatMap(dispatchIds).toSorted(), ids.toSorted());
  const rows = await listJobs(database, { limit: 200, cursor: null }, {});
  assert.equal(rows.length, ids.length);
  for (const { instanceId, jobs } of all) {
    const mine = rows.filter((row) => row.instanceId === instanceId).map(({ id }) => id);
    assert.deepEqual(mine.toSorted(), jobs.plans.map(({ key }) => key.jobId).toSorted());
  }
});

Deno.test("QueueClaimer takes the best ranked first, and gives back the slots that it did not need", async () => {
  const { database } = test;
  const [low] = await queue(database, 1, { priority: "low" });
  const [normal, second] = await queue(database, 2);
  const [urgent] = await queue(database, 1, { priority: "urgent" });
  const instance = dispatchFixture(database, { maxJobs: 6 });
  assert.equal(await instance.claimer.claimOnce(), 4);
  assert.deepEqual(dispatchIds(instance), [urgent, normal, second, low]);
  assert.equal(instance.admission.snapshot().used, 4);
  assert.equal(await instance.claimer.claimOnce(), 0);
  assert.equal(instance.admission.snapshot().used, 4);
});

Deno.test("QueueClaimer starts what it claimed with the row's own metadata, trace and lease", async () => {
  const { database } = test;
  const [id = ""] = await queue(database, 1, { metadata: { customer: 42 } });
  const instance = dispatchFixture(database);
  await instance.claimer.claimOnce();
  const [plan] = instance.jobs.plans;
  const found = await findDispatch(database, id);
  assert.deepEqual(plan?.metadata, { customer: 42 });
  assert.equal(plan.attempt, 1);
  assert.equal(plan.key.jobId, found?.jobs[0]?.id);
  assert.equal(plan.key.leaseToken, found?.jobs[0]?.leaseToken);
  assert.equal(plan.participantIdentity, found?.jobs[0]?.participantIdentity);
  assert.equal(found?.dispatch.state, "placed");
  const view = instance.live.find(id)?.view;
  assert.deepEqual([view?.state, view?.jobs.length, view?.priority, view?.origin], ["placed", 1, "normal", "rest"]);
});

Deno.test("QueueClaimer claims when a slot is freed, and tells who waits for the dispatch", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1 });
  const ask = (wait: "none" | "accepted") =>
    instance.dispatcher.request({ agent: "echo", room: wait }, REQUESTER, { ...NO_WAIT, wait, waitMs: 10_000 });
  await ask("none");
  await whileClaiming([instance], async () => {
    const waiting = ask("accepted");
    await eventually(() => instance.live.list().some((live) => live.hasWaiters));
    instance.jobs.endOldest();
    const result = await waiting;
    assert.ok(result.ok && result.outcome === "reached");
    assert.equal(result.dispatch.state, "placed");
  });
});

Deno.test("QueueClaimer leaves a draining instance's slots alone", async () => {
  await queue(test.database, 2);
  const instance = dispatchFixture(test.database);
  instance.admission.stopAdmitting();
  assert.equal(await instance.claimer.claimOnce(), 0);
});

for (const reason of ["agent_broken", "livekit_unreachable"] as const) {
  Deno.test(`QueueClaimer says in the rows why they wait (${reason}), and claims when that is over`, async () => {
    const { database } = test;
    const [id = ""] = await queue(database, 1);
    const instance = dispatchFixture(database);
    if (reason === "agent_broken") instance.agents[0] = agentEntry("echo", { state: "broken", error: "boom" });
    else await instance.setReachable(false);
    assert.equal(await instance.claimer.claimOnce(), 0);
    assert.equal((await findDispatch(database, id))?.dispatch.waitingReason, reason);
    instance.agents[0] = agentEntry("echo");
    await instance.setReachable(true);
    assert.equal(await instance.claimer.claimOnce(), 1);
    assert.equal((await findDispatch(database, id))?.dispatch.waitingReason, null);
  });
}

for (const reason of ["cordoned", "instance_open_files"] as const) {
  Deno.test(`a dispatch that comes and one that waits say that the instance takes none (${reason}), until it does`, async () => {
    const { database } = test;
    const limiter = new ResourceLimiter({ openFiles: 100 });
    const instance = dispatchFixture(database, { maxJobs: 1, limiter });
    const ask = () => instance.dispatcher.request({ agent: "echo", room: crypto.randomUUID() }, REQUESTER, NO_WAIT);
    const set = (isLimited: boolean) => {
      if (reason === "cordoned") instance.admission.setAdmitting(isLimited ? reason : null);
      else limiter.observe({ cpuRatio: null, memoryBytes: null, processes: null, openFiles: isLimited ? 100 : 1 });
    };
    const waitingReasonOf = async (id: string) => (await findDispatch(database, id))?.dispatch.waitingReason;
    const held = await ask();
    const before = await ask();
    assert.ok(held.ok && before.ok && before.dispatch.state === "queued");
    assert.equal(await waitingReasonOf(before.dispatch.id), null);
    set(true);
    const after = await ask();
    assert.ok(after.ok && after.dispatch.waitingReason === reason);
    assert.equal(await instance.claimer.claimOnce(), 0);
    assert.equal(await waitingReasonOf(before.dispatch.id), reason);
    assert.equal(instance.live.find(before.dispatch.id)?.view.waitingReason ?? reason, reason);
    set(false);
    assert.equal(await instance.claimer.claimOnce(), 0);
    assert.equal(await waitingReasonOf(before.dispatch.id), null, "only a slot is missing now");
    instance.jobs.endOldest();
    assert.equal(await instance.claimer.claimOnce(), 1);
  });
}

Deno.test("QueueClaimer leaves dispatches of agents that load or are hosted elsewhere as they are", async () => {
  const { database } = test;
  const [id = ""] = await queue(database, 1);
  const loading = dispatchFixture(database, { agents: [agentEntry("echo", { state: "loading" })] });
  const other = dispatchFixture(database, { agents: [agentEntry("other")] });
  for (const instance of [loading, other]) assert.equal(await instance.claimer.claimOnce(), 0);
  assert.equal((await findDispatch(database, id))?.dispatch.waitingReason, null);
});

Deno.test("QueueClaimer gives its slots back when the database is gone, and goes on when it is back", async () => {
  const ids = await queue(test.database, 3);
  await withProxiedDatabase(test.connection, async (database, proxy) => {
    const instance = dispatchFixture(database);
    proxy.refuse();
    await assert.rejects(instance.claimer.claimOnce());
    assert.equal(instance.admission.snapshot().used, 0);
    await whileClaiming([instance], async () => {
      proxy.restore();
      await eventually(() => instance.jobs.count === 3);
    });
    assert.deepEqual(dispatchIds(instance), ids);
  });
});

Deno.test("QueueClaimer starts every dispatch that it claimed, also when the database goes right after the claim", async () => {
  const ids = await queue(test.database, 3);
  await withProxiedDatabase(test.connection, async (database, proxy) => {
    const instance = dispatchFixture(database);
    const start = instance.jobs.start.bind(instance.jobs);
    instance.jobs.start = (...args) => {
      proxy.refuse();
      return start(...args);
    };
    assert.equal(await instance.claimer.claimOnce(), 3);
    assert.deepEqual(dispatchIds(instance), ids);
    assert.equal(instance.admission.snapshot().used, 3);
  });
});

Deno.test("a queue that nobody serves keeps every dispatch", async () => {
  const ids = await queue(test.database, 2);
  const waiting = await listDispatches(test.database, { limit: 10, cursor: null }, { state: "queued" });
  assert.deepEqual(waiting.map(({ dispatch }) => dispatch.id).toSorted(), ids.toSorted());
});
