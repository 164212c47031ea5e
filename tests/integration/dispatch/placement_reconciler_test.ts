/** The database says that a job is ours, and nothing runs: the answer to its placing or claiming was lost. */
import assert from "node:assert/strict";
import type { RequestResult } from "../../../core/dispatch/dispatcher.ts";
import { PlacementReconciler } from "../../../core/dispatch/placement_reconciler.ts";
import { UnconfirmedRequests } from "../../../core/dispatch/unconfirmed_requests.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import type { JobRunner } from "../../../core/runtime/job_runner.ts";
import type { Database } from "../../../db/client.ts";
import { requestCancel } from "../../../db/cancel_requests.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { plainWriter } from "../../support/lifecycle_writer.ts";
import { placeJobs } from "../../support/placed_jobs.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";
import { type PostgresProxy, withProxiedDatabase } from "../../support/postgres_proxy.ts";

let postgres: TestPostgres;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres?.stop());

interface Parts extends DispatchFixture {
  database: Database;
  proxy: PostgresProxy;
  reconciler: PlacementReconciler;
  unconfirmed: UnconfirmedRequests;
  isSpooling: { now: boolean };
}

/** One instance that reaches the database through a proxy. */
async function withParts(work: (parts: Parts) => Promise<void>): Promise<void> {
  const test = await postgres.createTestDatabase();
  try {
    await withProxiedDatabase(test.connection, async (database, proxy) => {
      const cancel = (id: string, actor: string) => fixture.dispatcher.cancelHere(id, actor);
      const unconfirmed = new UnconfirmedRequests({ cancel, isAway: () => false, actor: "test", logger: silentLogger });
      const fixture = dispatchFixture(database, { unconfirmed });
      const isSpooling = { now: false };
      const { instanceId, live, jobs, starter, claimer } = fixture;
      const reconciler = new PlacementReconciler({
        ...{ database, instanceId, live, unconfirmed, placing: starter.placing, logger: silentLogger },
        runner: jobs as unknown as JobRunner,
        writer: plainWriter(database),
        isSpooling: () => isSpooling.now,
        onRetry: () => claimer.wake(),
      });
      await work({ ...fixture, database, proxy, reconciler, unconfirmed, isSpooling });
    });
  } finally {
    await test.drop();
  }
}

/** Requests an agent; the statement that stores it is applied, and its answer lost. */
async function requestUnanswered({ dispatcher, proxy, database }: Parts, idempotencyKey?: string): Promise<string> {
  const lost = proxy.loseAnswer("SELECT");
  const request = { agent: "echo", room: "lobby", ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
  await assert.rejects(dispatcher.request(request, REQUESTER, NO_WAIT));
  await lost;
  const found = await eventually(() => database.sql<{ id: string }[]>`select id from dispatches`);
  return found[0]!.id;
}

Deno.test("PlacementReconciler ends a job here whose cancel was noted while this instance did not answer", async () => {
  await withParts(async ({ dispatcher, reconciler, jobs, database }) => {
    const asked = await dispatcher.request({ agent: "echo", room: "lobby" }, REQUESTER, NO_WAIT);
    const other = await dispatcher.request({ agent: "echo", room: "lobby" }, REQUESTER, NO_WAIT);
    assert.ok(asked.ok && other.ok);
    assert.equal(await requestCancel(database, asked.dispatch.id), true);
    await reconciler.look();
    assert.deepEqual([asked.dispatch.state, other.dispatch.state, jobs.count], ["cancelled", "placed", 1]);
  });
});

async function statesOf(database: Database, id: string) {
  const found = await findDispatch(database, id);
  return [found?.dispatch.state, ...(found?.jobs.map(({ state, failureKind }) => failureKind ?? state) ?? [])];
}

Deno.test("PlacementReconciler puts a job back into its queue when the answer to its claim was lost", async () => {
  await withParts(async (parts) => {
    const { dispatcher, claimer, reconciler, database, proxy, jobs, admission, setReachable } = parts;
    await setReachable(false);
    const result: RequestResult = await dispatcher.request({ agent: "echo", room: "lobby" }, REQUESTER, NO_WAIT);
    assert.ok(result.ok);
    await setReachable(true);
    const { id } = result.dispatch;
    // The look at the queue is answered, and the claim after it is not.
    const lost = proxy.loseAnswer("SELECT", 1);
    await assert.rejects(claimer.claimOnce());
    await lost;
    assert.deepEqual(await eventually(() => statesOf(database, id)), ["placed", "assigned"]);
    assert.deepEqual([jobs.count, admission.snapshot().used], [0, 0]);
    await reconciler.look();
    assert.deepEqual(await statesOf(database, id), ["placed", "assigned"], "one look is not enough");
    await reconciler.look();
    assert.deepEqual(await statesOf(database, id), ["queued", "not_started"]);
    await eventually(async () => await claimer.claimOnce() === 1, { what: "the next attempt" });
    assert.deepEqual(await statesOf(database, id), ["placed", "not_started", "assigned"]);
    assert.equal(jobs.count, 1);
    await reconciler.look();
    await reconciler.look();
    assert.deepEqual(await statesOf(database, id), ["placed", "not_started", "assigned"], "what runs is left alone");
  });
});

Deno.test("PlacementReconciler cancels what was stored of a request that was refused for want of an answer", async () => {
  await withParts(async (parts) => {
    const { reconciler, unconfirmed, database, jobs, admission } = parts;
    const id = await requestUnanswered(parts);
    assert.ok(unconfirmed.has(id));
    await unconfirmed.look();
    assert.deepEqual(await statesOf(database, id), ["placed", "assigned"], "the reconciler's to end");
    await reconciler.look();
    await reconciler.look();
    assert.deepEqual(await statesOf(database, id), ["cancelled", "cancelled"]);
    assert.deepEqual([jobs.count, admission.snapshot().used], [0, 0]);
    await unconfirmed.look();
    assert.ok(!unconfirmed.has(id), "it is over");
  });
});

Deno.test("a refused request with an idempotency key is kept, and asking again finds it", async () => {
  await withParts(async (parts) => {
    const { reconciler, unconfirmed, dispatcher, claimer, database, jobs } = parts;
    const id = await requestUnanswered(parts, "once");
    assert.ok(!unconfirmed.has(id));
    await reconciler.look();
    await reconciler.look();
    assert.deepEqual(await statesOf(database, id), ["queued", "not_started"]);
    const again = await dispatcher.request(
      { agent: "echo", room: "lobby", idempotencyKey: "once" },
      REQUESTER,
      NO_WAIT,
    );
    assert.ok(again.ok && again.dispatch.id === id && !again.isNew);
    await eventually(async () => await claimer.claimOnce() === 1 || jobs.count === 1, { what: "the next attempt" });
    assert.equal(jobs.count, 1);
  });
});

Deno.test("a refused request that waits in the queue is cancelled when the database answers again", async () => {
  await withParts(async (parts) => {
    const { unconfirmed, database, setReachable } = parts;
    await setReachable(false);
    const id = await requestUnanswered(parts);
    assert.deepEqual(await statesOf(database, id), ["queued"]);
    await unconfirmed.look();
    assert.deepEqual(await statesOf(database, id), ["cancelled"]);
    assert.ok(!unconfirmed.has(id));
  });
});

Deno.test("PlacementReconciler leaves alone what is being placed, and everything while changes wait in the spool", async () => {
  await withParts(async ({ reconciler, database, instanceId, starter, isSpooling }) => {
    const [placing, spooled] = await placeJobs(database, 2, instanceId);
    const answer = Promise.withResolvers<void>();
    const placed = starter.placing.during([placing!.jobId, spooled!.jobId], () => answer.promise);
    await reconciler.look();
    await reconciler.look();
    assert.deepEqual(await statesOf(database, placing!.dispatchId), ["placed", "assigned"]);
    answer.resolve();
    await placed;
    await reconciler.look();
    isSpooling.now = true;
    await reconciler.look();
    isSpooling.now = false;
    await reconciler.look();
    assert.deepEqual(
      await statesOf(database, spooled!.dispatchId),
      ["placed", "assigned"],
      "seen once since the spool",
    );
    await reconciler.look();
    assert.deepEqual(await statesOf(database, spooled!.dispatchId), ["queued", "not_started"]);
  });
});
