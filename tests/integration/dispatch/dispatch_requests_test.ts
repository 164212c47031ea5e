/** What a request can ask for besides an agent in a room: when, by when, once per room, how urgent, how often. */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { DispatchLimits } from "../../../core/dispatch/dispatch_limits.ts";
import type { DispatchRequest } from "../../../core/dispatch/dispatch_request.ts";
import type { Requester, WaitFor } from "../../../core/dispatch/dispatcher.ts";
import { findDispatch, listDispatches } from "../../../db/dispatch_reads.ts";
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

const PAGE = { limit: 200, cursor: null };
const HOUR_MS = 3_600_000;

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

interface Asked {
  requester?: Requester;
  wait?: Partial<WaitFor>;
}

function ask(instance: DispatchFixture, fields: Partial<DispatchRequest> = {}, { requester, wait }: Asked = {}) {
  const request = { agent: "echo", room: "room", ...fields };
  return instance.dispatcher.request(request, requester ?? REQUESTER, { ...NO_WAIT, ...wait });
}

async function accepted(instance: DispatchFixture, fields: Partial<DispatchRequest> = {}, asked: Asked = {}) {
  const result = await ask(instance, fields, asked);
  assert.ok(result.ok, result.ok ? "" : result.refusal.code);
  return { ...structuredClone(result.dispatch), isNew: result.isNew };
}

async function refusal(asked: ReturnType<typeof ask>) {
  const result = await asked;
  assert.ok(!result.ok);
  return result.refusal;
}

/** As if that time had come: by the database's clock, which alone decides. */
async function makeDue(id: string, column: "not_before" | "deadline_at"): Promise<void> {
  const past = sql`now() - interval '1 second'`;
  if (column === "not_before") {
    await rows(test.database, sql`update dispatches set not_before = ${past} where id = ${id}`);
  } else await rows(test.database, sql`update dispatches set deadline_at = ${past} where id = ${id}`);
}

Deno.test("a scheduled dispatch waits though a slot is free, holds up nobody, and starts when its time has come", async () => {
  const instance = dispatchFixture(test.database);
  const scheduledAt = new Date(Date.now() + HOUR_MS).toISOString();
  const later = await accepted(instance, { scheduledAt, deadlineMs: 1_000, region: "eu" });
  assert.deepEqual([later.state, later.scheduledAt, later.region], ["queued", scheduledAt, "eu"]);
  assert.equal(Date.parse(later.deadlineAt ?? ""), Date.parse(scheduledAt) + 1_000);
  assert.equal(await instance.claimer.claimOnce(), 0);
  assert.equal((await accepted(instance, { room: "now" })).state, "placed");
  await makeDue(later.id, "not_before");
  assert.equal(await instance.claimer.claimOnce(), 1);
  const found = await findDispatch(test.database, later.id);
  assert.deepEqual([found?.dispatch.state, found?.dispatch.region], ["placed", "eu"]);
  assert.equal(instance.live.find(later.id)?.view.scheduledAt, scheduledAt);
});

Deno.test("a dispatch that waits past its deadline expires with the reason, and who waits for it is told", async () => {
  const instance = dispatchFixture(test.database, { maxJobs: 1 });
  await accepted(instance);
  const noAgent = await accepted(
    dispatchFixture(test.database, { agents: [agentEntry("lost", { state: "broken" })] }),
    {
      agent: "lost",
      deadlineMs: HOUR_MS,
    },
  );
  const endless = await accepted(instance, { room: "endless" });
  const waiting = ask(instance, { room: "late", deadlineMs: HOUR_MS }, { wait: { wait: "ready", waitMs: 60_000 } });
  const late = await instanceHas(instance, "late");
  assert.equal(await instance.expiry.sweepOnce(), 0);
  await makeDue(late, "deadline_at");
  await makeDue(noAgent.id, "deadline_at");
  assert.equal(await instance.expiry.sweepOnce(), 2);
  const result = await waiting;
  assert.ok(result.ok);
  assert.deepEqual([result.outcome, result.dispatch.state], ["ended", "expired"]);
  assert.deepEqual([result.dispatch.failure?.code, result.dispatch.failure?.errorStatus], [
    "dispatch_expired",
    "DEADLINE_EXCEEDED",
  ]);
  assert.match(result.dispatch.failure?.message ?? "", /no slot was free/);
  const stored = (await findDispatch(test.database, noAgent.id))?.dispatch;
  assert.equal(stored?.state, "expired");
  assert.match(stored.failureMessage ?? "", /file did not load/);
  assert.equal((await findDispatch(test.database, endless.id))?.dispatch.state, "queued");
  assert.equal(await instance.expiry.sweepOnce(), 0);
});

function instanceHas(instance: DispatchFixture, room: string): Promise<string> {
  return eventually(async () => {
    const live = instance.live.list().find(({ view }) => view.room === room);
    return live && await findDispatch(test.database, live.view.id) ? live.view.id : null;
  });
}

Deno.test("a job that is not ready by the deadline is told to end; one that was ready once never expires", async () => {
  const instance = dispatchFixture(test.database);
  const late = await accepted(instance, { deadlineMs: HOUR_MS, room: "late" });
  const ready = await accepted(instance, { deadlineMs: HOUR_MS, room: "ready" });
  const readyJob = ready.jobs[0]?.id ?? "";
  await rows(test.database, sql`update jobs set ready_at = now() where id = ${readyJob}`);
  for (const { id } of [late, ready]) await makeDue(id, "deadline_at");
  assert.equal(await instance.expiry.sweepOnce(), 0);
  const ended = instance.live.find(late.id)?.view ?? null;
  assert.equal(instance.jobs.find(late.jobs[0]?.id ?? ""), null);
  assert.ok(ended === null || ended.jobs[0]?.flags.includes("ready_deadline_missed"));
  assert.ok(instance.jobs.find(readyJob));
  // It crashed, and waits for another attempt.
  await rows(test.database, sql`update dispatches set state = 'queued', assigned_at = null where id = ${ready.id}`);
  assert.equal(await instance.expiry.sweepOnce(), 0);
});

Deno.test("of many requests at once that want their agent in the room once, exactly one gets it: the rest is refused", async () => {
  const instances = [dispatchFixture(test.database), dispatchFixture(test.database, { maxJobs: 1 })];
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, i) => ask(instances[i % 2]!, { oneAgentPerRoom: "refuse" })),
  );
  const [first, ...others] = results.filter((result) => result.ok);
  assert.ok(first && others.length === 0);
  for (const result of results) {
    if (!result.ok) {
      assert.deepEqual(result.refusal, { code: "agent_in_room", agent: "echo", dispatchId: first.dispatch.id });
    }
  }
  assert.equal((await listDispatches(test.database, PAGE, {})).length, 1);
  for (const { admission } of instances) assert.ok(admission.snapshot().used <= 1);
});

Deno.test("reuse answers with the dispatch that is there, for that participant, until it has ended", async () => {
  const instance = dispatchFixture(test.database);
  const there = await accepted(instance);
  for (const other of [instance, dispatchFixture(test.database)]) {
    const again = await accepted(other, { oneAgentPerRoom: "reuse" });
    assert.deepEqual([again.id, again.isNew], [there.id, false]);
  }
  assert.ok((await accepted(instance, { oneAgentPerRoom: "reuse", room: "other" })).isNew);
  assert.ok((await accepted(instance)).isNew, "without the rule several may be there");
  await rows(test.database, sql`update dispatches set state = 'succeeded', ended_at = now() where room = 'room'`);
  assert.ok((await accepted(instance, { oneAgentPerRoom: "reuse" })).isNew);
});

Deno.test("the agent's own function gives the priority that nobody else gave; without an answer it is normal", async () => {
  let answer: { ok: true; value: unknown } | { ok: false; reason: string } = { ok: true, value: "urgent" };
  const asked: unknown[] = [];
  const agent = agentEntry("echo", {
    descriptor: { hooks: { priority: true }, jobType: "room" } as never,
    hook: ((name: string, input: unknown, timeoutMs: number) => {
      asked.push([name, input, timeoutMs]);
      return Promise.resolve(answer);
    }) as never,
  });
  const instance = dispatchFixture(test.database, { agents: [agent] });
  assert.equal((await accepted(instance, { metadata: { vip: true } })).priority, "urgent");
  assert.deepEqual(asked, [["priority", { room: "room", participantIdentity: null, metadata: { vip: true } }, 200]]);
  assert.equal((await accepted(instance, { priority: "low" })).priority, "low");
  assert.equal((await accepted(instance, { metadata: { priority: "high" } })).priority, "high");
  assert.equal(asked.length, 1);
  answer = { ok: false, reason: "priority gave no answer" };
  assert.equal((await accepted(instance)).priority, "normal");
});

Deno.test("a room's requests beyond its rate are refused with when to come again, and nothing is stored of them", async () => {
  const none = { burst: 1, perSecond: 0 };
  const limits = new DispatchLimits({ global: none, key: none, room: { burst: 2, perSecond: 0.001 } });
  const instance = dispatchFixture(test.database, { limits });
  const { id } = await accepted(instance);
  await accepted(instance);
  const refused = await refusal(ask(instance));
  assert.ok(refused.code === "rate_limited" && refused.scope === "room");
  assert.ok(refused.retryAfterSeconds >= 999 && refused.retryAfterSeconds <= 1_000);
  assert.equal((await listDispatches(test.database, PAGE, {})).length, 2);
  await accepted(instance, { room: "other" });
  await rows(test.database, sql`update dispatches set state = 'succeeded', ended_at = now() where id = ${id}`);
  assert.ok((await instance.dispatcher.retry(id, undefined, REQUESTER, NO_WAIT)).ok, "a retry is no new one");
});

Deno.test("a retry asks for what the first one asked for, with as much time", async () => {
  const instance = dispatchFixture(test.database);
  const { id } = await accepted(instance, { deadlineMs: 5_000, region: "eu", oneAgentPerRoom: "refuse" });
  await rows(test.database, sql`update dispatches set state = 'succeeded', ended_at = now() where id = ${id}`);
  const result = await instance.dispatcher.retry(id, undefined, REQUESTER, NO_WAIT);
  assert.ok(result.ok);
  const { region, oneAgentPerRoom, deadlineAt, createdAt } = result.dispatch;
  assert.deepEqual([region, oneAgentPerRoom], ["eu", "refuse"]);
  assert.equal(Date.parse(deadlineAt ?? "") - Date.parse(createdAt), 5_000);
});
