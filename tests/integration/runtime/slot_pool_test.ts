import assert from "node:assert/strict";
import type { PoolAgent } from "../../../core/runtime/slot_lane.ts";
import { SlotPool } from "../../../core/runtime/slot_pool.ts";
import { eventually } from "../../support/eventually.ts";
import {
  isAlive,
  jobOf,
  RememberingObserver,
  type RuntimeFixture,
  SETTINGS,
  startRuntime,
  testAgent,
} from "../../support/runtime_fixture.ts";

function startPool(runtime: RuntimeFixture, agents: PoolAgent[], settings: Partial<typeof SETTINGS> = {}) {
  const { environment } = runtime;
  const pool = new SlotPool({ settings: { ...SETTINGS, ...settings }, environment, logger: environment.logger });
  pool.setAgents(agents);
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.stop(200) });
}

function warmCounts(pool: SlotPool): Record<string, number> {
  return Object.fromEntries(pool.snapshot().map(({ agent, warm }) => [agent, warm]));
}

Deno.test("SlotPool keeps warm slots ready, hands one out at once and fills its place again", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 2 })]);
  await eventually(() => warmCounts(pool).idle === 2);
  const slot = pool.take("idle");
  assert.equal(slot.state, "warm");
  assert.equal(slot.isCold, false);
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  await eventually(() => warmCounts(pool).idle === 2);
  assert.equal(pool.snapshot()[0]?.running, 1);
  assert.equal(pool.pids().length, 3);
  slot.cancel("cancelled", 500);
  await running;
  await eventually(() => pool.snapshot()[0]?.running === 0);
});

Deno.test("SlotPool starts cold slots for a burst that outnumbers its warm ones, and loses none", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 1 })]);
  await eventually(() => warmCounts(pool).idle === 1);
  const slots = Array.from({ length: 4 }, () => pool.take("idle"));
  assert.deepEqual(slots.map(({ isCold }) => isCold), [false, true, true, true]);
  assert.equal(new Set(slots).size, 4);
  const observers = slots.map(() => new RememberingObserver());
  const jobs = slots.map((slot, i) => slot.run(jobOf("idle"), observers[i] ?? new RememberingObserver()));
  await Promise.all(observers.map(({ hasEntered }) => hasEntered));
  for (const slot of slots) slot.cancel("cancelled", 500);
  const ends = await Promise.all(jobs);
  assert.deepEqual(ends.map(({ outcome }) => outcome), Array(4).fill("cancelled"));
});

Deno.test("SlotPool does not load a slot beside a job that has just started", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 1 })]);
  await eventually(() => warmCounts(pool).idle === 1);
  const slot = pool.take("idle");
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  assert.equal(pool.pids().length, 1);
  slot.cancel("cancelled", 500);
  await running;
});

Deno.test("SlotPool gives the instance's warm slots to the agents used last", async () => {
  await using runtime = await startRuntime();
  const agents = [testAgent("idle", { warmSlots: 1 }), testAgent("throws", { warmSlots: 1 })];
  await using pool = startPool(runtime, agents, { maxWarmSlots: 1 });
  await eventually(() => warmCounts(pool).idle === 1);
  assert.deepEqual(warmCounts(pool), { idle: 1, throws: 0 });
  await pool.take("throws").run(jobOf("throws"), new RememberingObserver());
  await eventually(() => warmCounts(pool).throws === 1 && warmCounts(pool).idle === 0);
});

Deno.test("SlotPool replaces a warm slot whose process was killed", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 1 })]);
  await eventually(() => warmCounts(pool).idle === 1);
  const [pid = 0] = pool.pids();
  Deno.kill(pid, "SIGKILL");
  await eventually(() => warmCounts(pool).idle === 1 && !pool.pids().includes(pid));
});

Deno.test("SlotPool backs off and says why when an agent's slots fail to load", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("throws_at_load", { warmSlots: 1 })]);
  const lane = await eventually(() => pool.snapshot().find(({ retryAt }) => retryAt !== null));
  assert.match(lane.lastError ?? "", /no settings for this agent/);
  assert.deepEqual([lane.warm, lane.loading, pool.pids().length], [0, 0, 0]);
});

Deno.test("SlotPool backs off when warm slots keep dying before they have a job", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("crashes_while_warm", { warmSlots: 1 })]);
  const lane = await eventually(() => pool.snapshot().find(({ retryAt }) => retryAt !== null));
  assert.match(lane.lastError ?? "", /ended before it had a job/);
});

Deno.test("SlotPool takes back a slot that was not run", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 1 })]);
  await eventually(() => warmCounts(pool).idle === 1);
  const slot = pool.take("idle");
  pool.release(slot);
  assert.equal(pool.take("idle"), slot);
  pool.release(slot);
});

Deno.test("SlotPool refuses an agent that it does not have", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, []);
  assert.throws(() => pool.take("nobody"), /no agent "nobody"/);
});

Deno.test("SlotPool ends warm, loading and running children when it stops", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 2 }), testAgent("overruns")]);
  await eventually(() => warmCounts(pool).idle === 2);
  const observer = new RememberingObserver();
  const running = pool.take("overruns").run(jobOf("overruns"), observer);
  await observer.hasEntered;
  const pids = pool.pids();
  assert.ok(pids.length >= 3);
  await pool.stop(100);
  assert.deepEqual(pids.filter(isAlive), []);
  const end = await running;
  assert.deepEqual([end.outcome, end.endReason], ["cancelled", "shutdown"]);
  assert.throws(() => pool.take("idle"), /stopping/);
});
