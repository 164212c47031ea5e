import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import type { DispatchRequest } from "../../../core/dispatch/dispatch_request.ts";
import type { RequestResult, WaitFor } from "../../../core/dispatch/dispatcher.ts";
import { upsertAgent } from "../../../db/agents.ts";
import { assignLivekitJob } from "../../../db/claims.ts";
import { findDispatch, listDispatches, listJobs } from "../../../db/dispatch_reads.ts";
import { endJob } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
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

const PAGE = { limit: 200, cursor: null };
const UNKNOWN = "01890000-0000-7000-8000-000000000000";

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

function ask(
  { dispatcher }: DispatchFixture,
  fields: Partial<DispatchRequest> = {},
  wait: Partial<WaitFor> = {},
): Promise<RequestResult> {
  return dispatcher.request({ agent: "echo", room: "room", ...fields }, REQUESTER, { ...NO_WAIT, ...wait });
}

async function accepted(instance: DispatchFixture, fields: Partial<DispatchRequest> = {}, wait: Partial<WaitFor> = {}) {
  const result = await ask(instance, fields, wait);
  assert.ok(result.ok, result.ok ? "" : result.refusal.code);
  return { ...result, id: result.dispatch.id, state: result.dispatch.state };
}

async function refusal(asked: Promise<{ ok: boolean }>) {
  const result = await asked;
  assert.ok("refusal" in result);
  return result.refusal as { code: string } & Record<string, unknown>;
}

Deno.test("Dispatcher stores and starts a request at once when a slot is free", async () => {
  const instance = dispatchFixture(test.database);
  const { id, dispatch } = await accepted(instance, { metadata: { a: [1, "x"] }, priority: "high" });
  const found = await findDispatch(test.database, id);
  assert.equal(found?.dispatch.state, "placed");
  assert.deepEqual([found.dispatch.metadata, found.dispatch.priority], [{ a: [1, "x"] }, "high"]);
  assert.equal(found.jobs[0]?.instanceId, instance.instanceId);
  assert.deepEqual(instance.jobs.plans.map(({ key }) => key.jobId), [found.jobs[0]?.id]);
  assert.equal(dispatch.jobs[0]?.id, found.jobs[0]?.id);
  assert.equal(instance.admission.snapshot().used, 1);
});

Deno.test("a burst never runs more jobs than there are slots; the rest is stored and waits", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 3 });
  const results = await Promise.all(Array.from({ length: 20 }, (_, i) => accepted(instance, { room: `room-${i}` })));
  // A slot may be left over, when something was queued between its reservation and its statement.
  assert.ok(instance.jobs.plans.length <= 3);
  const placed = results.filter(({ state }) => state === "placed");
  assert.equal(placed.length, instance.jobs.plans.length);
  assert.equal(await instance.claimer.claimOnce(), 3 - placed.length);
  assert.equal(await instance.claimer.claimOnce(), 0);
  assert.deepEqual([instance.jobs.plans.length, instance.admission.snapshot().used], [3, 3]);
  assert.equal((await listJobs(test.database, PAGE, {})).length, 3);
  assert.equal((await listDispatches(test.database, PAGE, {})).length, 20);
});

Deno.test("a request never overtakes one of its rank that waits, though a slot is free, and an urgent one may", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1 });
  await accepted(instance);
  const first = await accepted(instance);
  instance.jobs.endOldest();
  const second = await accepted(instance);
  assert.deepEqual([first.state, second.state, instance.jobs.count], ["queued", "queued", 0]);
  assert.equal(instance.admission.snapshot().used, 0);
  assert.equal((await accepted(instance, { priority: "urgent" })).state, "placed");
  instance.jobs.endOldest();
  for (const { id } of [first, second]) {
    assert.equal(await instance.claimer.claimOnce(), 1);
    assert.equal(instance.jobs.plans.at(-1)?.key.dispatchId, id);
    instance.jobs.endOldest();
  }
});

for (const isFull of [false, true]) {
  const what = isFull ? "to be queued" : "to be placed";
  Deno.test(`a request ${what} throws when the database is gone, and leaves no slot and no memory behind`, () =>
    withProxiedDatabase(test.connection, async (database, proxy) => {
      const instance = dispatchFixture(database, { maxJobs: isFull ? 1 : 5 });
      if (isFull) await accepted(instance);
      const before = { used: instance.admission.snapshot().used, live: instance.live.size };
      proxy.refuse();
      await assert.rejects(ask(instance, {}, { wait: "ready", waitMs: 60_000 }));
      assert.equal(instance.admission.snapshot().used, before.used);
      assert.equal(instance.live.size, before.live);
      assert.equal(instance.jobs.plans.length, isFull ? 1 : 0);
      proxy.restore();
      const again = await eventually(() => ask(instance).catch(() => null));
      assert.ok(again.ok);
      assert.equal(again.dispatch.state, isFull ? "queued" : "placed");
    }));
}

Deno.test("what was not sent, because the database is known to be away, is not looked for when it is back", async () => {
  const unconfirmed: string[] = [];
  const instance = dispatchFixture(test.database, { unconfirmed: { add: (id) => void unconfirmed.push(id) } });
  test.database.shut({ code: "away", message: "It is away.", remedy: "Wait." });
  await assert.rejects(ask(instance));
  test.database.open();
  assert.ok((await ask(instance)).ok);
  await rows(test.database, sql`alter table jobs add constraint refuse_all check (false) not valid`);
  await assert.rejects(ask(instance));
  assert.equal(unconfirmed.length, 1, "only what was sent");
});

Deno.test("a statement that the database refuses frees its slot", async () => {
  const instance = dispatchFixture(test.database);
  await rows(test.database, sql`alter table jobs add constraint refuse_all check (false) not valid`);
  await assert.rejects(ask(instance));
  assert.deepEqual([instance.admission.snapshot().used, instance.live.size, instance.jobs.plans.length], [0, 0, 0]);
  assert.deepEqual(await listDispatches(test.database, PAGE, {}), []);
});

Deno.test("metadata that Postgres can't keep is refused with the reason, not stored and not an exception", async () => {
  const instance = dispatchFixture(test.database);
  const deep = JSON.parse(`${'{"a":['.repeat(3_000)}${"]}".repeat(3_000)}`);
  const bad = [{ a: "\u0000" }, { "k\u0000": 1 }, { a: ["\ud800"] }, "\u0000", deep];
  for (const metadata of bad) assert.equal((await refusal(ask(instance, { metadata }))).code, "invalid_metadata");
  const good = { a: "\\u0000", "ünï": "\u{1F600}", list: [null, 1.5, true, ""] };
  const { id } = await accepted(instance, { metadata: good });
  assert.deepEqual((await findDispatch(test.database, id))?.dispatch.metadata, good);
});

Deno.test("one idempotency key makes one dispatch, however many ask at once", async () => {
  const instance = dispatchFixture(test.database);
  const request = { idempotencyKey: "k", metadata: { a: 1, b: 2 } };
  const results = await Promise.all(Array.from({ length: 10 }, () => accepted(instance, request)));
  assert.equal(new Set(results.map(({ id }) => id)).size, 1);
  assert.equal(results.filter(({ isNew }) => isNew).length, 1);
  assert.deepEqual([instance.jobs.plans.length, instance.admission.snapshot().used], [1, 1]);
  const again = await accepted(instance, { metadata: { b: 2, a: 1 }, idempotencyKey: "k" });
  assert.deepEqual([again.id, again.isNew], [results[0]?.id, false]);
});

Deno.test("an idempotency key answers from the database on another instance, and refuses another body", async () => {
  const [one, other] = [dispatchFixture(test.database), dispatchFixture(test.database)];
  const { id } = await accepted(one, { idempotencyKey: "k" });
  const again = await accepted(other, { idempotencyKey: "k" });
  assert.deepEqual([again.id, again.isNew], [id, false]);
  const code = await refusal(ask(other, { idempotencyKey: "k", room: "other" }));
  assert.deepEqual(code, { code: "idempotency_key_reused", dispatchId: id });
  assert.equal(other.admission.snapshot().used, 0);
});

Deno.test("a full queue refuses with its capacity, and stores nothing", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1, queueCapacity: 2 });
  for (let i = 0; i < 3; i++) await accepted(instance);
  const refused = await refusal(ask(instance));
  assert.deepEqual([refused.code, refused.capacity], ["queue_full", 2]);
  assert.equal((await listDispatches(test.database, PAGE, {})).length, 3);
});

Deno.test("an agent never seen is refused with the nearest names; one seen in the fleet is queued with the reason", async () => {
  const instance = dispatchFixture(test.database);
  const refused = await refusal(ask(instance, { agent: "ecko" }));
  assert.deepEqual(refused, { code: "unknown_agent", agent: "ecko", nearest: ["echo"] });
  await upsertAgent(test.database, { name: "else", file: "else.ts", isBroken: false, error: null, descriptor: {} });
  const { dispatch } = await accepted(instance, { agent: "else" });
  assert.deepEqual([dispatch.state, dispatch.waitingReason], ["queued", "agent_not_hosted"]);
});

Deno.test("a request is queued with the reason while its agent or LiveKit can't serve it", async () => {
  const broken = agentEntry("echo", { state: "broken", error: "boom" });
  const loading = agentEntry("echo", { state: "loading" });
  for (const [agent, reason] of [[broken, "agent_broken"], [loading, "agent_loading"]] as const) {
    const { dispatch } = await accepted(dispatchFixture(test.database, { agents: [agent] }));
    assert.deepEqual([dispatch.state, dispatch.waitingReason], ["queued", reason]);
  }
  const instance = dispatchFixture(test.database);
  await instance.setReachable(false);
  assert.equal((await accepted(instance)).dispatch.waitingReason, "livekit_unreachable");
});

Deno.test("a waiting dispatch is cancelled at once, and whoever waits for it is told", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1 });
  await accepted(instance);
  const waiting = ask(instance, {}, { wait: "ready", waitMs: 60_000 });
  const live = await eventually(() => instance.live.list().find((each) => each.hasWaiters));
  const cancelled = await instance.dispatcher.cancel(live.view.id, "rest:test");
  assert.ok(cancelled.ok && !cancelled.wasEnded);
  assert.equal(cancelled.dispatch.state, "cancelled");
  const result = await waiting;
  assert.ok(result.ok && result.outcome === "ended");
  assert.equal(await instance.claimer.claimOnce(), 0);
  const again = await instance.dispatcher.cancel(live.view.id, "rest:test");
  assert.ok(again.ok && again.wasEnded);
});

Deno.test("cancel ends a running job, and tells unknown dispatches and those of other instances apart", async () => {
  const [one, other] = [dispatchFixture(test.database), dispatchFixture(test.database)];
  const { id } = await accepted(one);
  assert.equal((await refusal(other.dispatcher.cancel(id, "rest:test"))).code, "owned_elsewhere");
  assert.equal((await refusal(other.dispatcher.cancel(UNKNOWN, "rest:test"))).code, "not_found");
  const cancelled = await one.dispatcher.cancel(id, "rest:test");
  assert.ok(cancelled.ok && !cancelled.wasEnded);
  assert.deepEqual([one.jobs.count, one.admission.snapshot().used], [0, 0]);
});

Deno.test("retry makes a new dispatch like the ended one, with its id; one that has not ended is refused", async () => {
  const instance = dispatchFixture(test.database);
  const { id } = await accepted(instance, { metadata: { n: 1 }, priority: "high", room: "r" });
  const retry = (metadata?: DispatchRequest["metadata"], of = id) =>
    instance.dispatcher.retry(of, metadata, REQUESTER, NO_WAIT);
  assert.equal((await refusal(retry())).code, "not_ended");
  assert.equal((await refusal(retry(undefined, UNKNOWN))).code, "not_found");
  const { key } = instance.jobs.plans[0]!;
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
  assert.ok(await endJob(test.database, key, { state: "succeeded", endReason: "x", failure: null }, change));
  const again = await retry();
  assert.ok(again.ok);
  const { agent, room, priority, origin, retryOf, metadata } = again.dispatch;
  const expected = { agent: "echo", room: "r", priority: "high", origin: "retry", retryOf: id, metadata: { n: 1 } };
  assert.deepEqual({ agent, room, priority, origin, retryOf, metadata }, expected);
  const changed = await retry({ n: 2 });
  assert.ok(changed.ok);
  assert.deepEqual(changed.dispatch.metadata, { n: 2 });
});

Deno.test("a wait that runs out leaves the dispatch, or cancels it when asked to", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1 });
  await accepted(instance);
  for (const [onWaitTimeout, state] of [["continue", "queued"], ["cancel", "cancelled"]] as const) {
    const { id, outcome } = await accepted(instance, {}, { wait: "ready", waitMs: 1, onWaitTimeout });
    assert.equal(outcome, "timed_out");
    assert.equal((await findDispatch(test.database, id))?.dispatch.state, state);
  }
});

Deno.test("only so many requests wait at once; the next is refused, and later ones are taken again", async () => {
  const instance = dispatchFixture(test.database, { maxWaiters: 2 });
  const waits = [1, 2].map(() => ask(instance, {}, { wait: "ready", waitMs: 60_000 }));
  await eventually(() => instance.live.list().filter((live) => live.hasWaiters).length === 2);
  assert.equal((await refusal(ask(instance, {}, { wait: "ready", waitMs: 60_000 }))).code, "too_many_waiters");
  await accepted(instance);
  while (instance.jobs.count > 0) instance.jobs.endOldest();
  await Promise.all(waits);
  await accepted(instance, {}, { wait: "ready", waitMs: 1 });
});

Deno.test("assignLivekitJob gives what is needed to start the job, once", async () => {
  const { database } = test;
  const full = dispatchFixture(database);
  full.admission.stopAdmitting();
  const { id } = await accepted(full, { metadata: { a: 1 } });
  await rows(database, sql`update dispatches set placement = 'livekit' where id = ${id}`);
  const jobId = crypto.randomUUID();
  const job = { id: jobId, attempt: 1, participant: null, participantIdentity: `agent-${jobId}`, workerId: null };
  const own = { instanceId: UNKNOWN, livekitJobId: "AJ_1", leaseToken: crypto.randomUUID() };
  const change = () => ({ changeId: crypto.randomUUID(), actor: "livekit", cause: "assigned", at: new Date() });
  const claimed = await assignLivekitJob(database, id, "AD_1", { ...job, ...own }, change());
  const stored = (await findDispatch(database, id))?.dispatch;
  assert.deepEqual([claimed?.id, claimed?.jobId, claimed?.attempt, claimed?.metadata], [id, jobId, 1, { a: 1 }]);
  assert.deepEqual(claimed?.createdAt, stored?.createdAt);
  assert.equal(await assignLivekitJob(database, id, "AD_1", { ...job, ...own, id: UNKNOWN }, change()), null);
});
