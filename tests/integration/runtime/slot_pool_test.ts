import assert from "node:assert/strict";
import { isHalted, readProcessStat } from "../../../core/runtime/process_stat.ts";
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
  const again = pool.take("idle");
  assert.equal(again.pid, slot.pid);
  pool.release(again);
});

Deno.test("SlotPool passes over a warm process that is stopped, and replaces it", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 2 })]);
  await eventually(() => warmCounts(pool).idle === 2);
  const [stopped = 0, other] = pool.pids();
  Deno.kill(stopped, "SIGSTOP");
  await eventually(() => isHalted(readProcessStat(stopped)), { what: "the process has stopped", everyMs: 1 });
  const slot = pool.take("idle");
  assert.equal(slot.pid, other);
  pool.release(slot);
  await eventually(() => !pool.pids().includes(stopped) && warmCounts(pool).idle === 2);
});

Deno.test("SlotPool grows an agent's warm slots to the burst that outran them, within the cap", async () => {
  await using runtime = await startRuntime();
  const agents = [testAgent("idle", { warmSlots: 1 })];
  await using pool = startPool(runtime, agents, { maxWarmSlots: 3 });
  await eventually(() => warmCounts(pool).idle === 1);
  const observers = Array.from({ length: 4 }, () => new RememberingObserver());
  const slots = observers.map(() => pool.take("idle"));
  const jobs = slots.map((slot, i) => slot.run(jobOf("idle"), observers[i]!));
  await Promise.all(observers.map(({ hasEntered }) => hasEntered));
  await eventually(() => warmCounts(pool).idle === 3);
  for (const slot of slots) slot.cancel("cancelled", 500);
  await Promise.all(jobs);
});

Deno.test("SlotPool keeps nothing warm and no spare while memory is short, and does again when there is more", async () => {
  await using runtime = await startRuntime();
  const { environment } = runtime;
  let availableBytes = 0;
  const settings = { ...SETTINGS, spareProcesses: 1, minFreeMemoryMb: 64 };
  const options = { settings, environment, logger: environment.logger, availableMemoryBytes: () => availableBytes };
  const pool = Object.assign(new SlotPool(options), { [Symbol.asyncDispose]: () => pool.stop(200) });
  await using _pool = pool;
  const agents = [testAgent("idle", { warmSlots: 1 })];
  pool.setAgents(agents);
  assert.deepEqual(pool.snapshot().map(({ wanted }) => wanted), [0]);
  assert.deepEqual(pool.pids(), []);
  availableBytes = 128 * 1_048_576;
  pool.setAgents(agents);
  await eventually(() => warmCounts(pool).idle === 1 && pool.spareCount === 1);
  availableBytes = 0;
  pool.setAgents(agents);
  await eventually(() => pool.pids().length === 0);
});

Deno.test("SlotPool replaces warm processes when the agent's file has changed", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 1, version: "1" })]);
  await eventually(() => warmCounts(pool).idle === 1);
  const [before = 0] = pool.pids();
  const slot = pool.take("idle");
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  await eventually(() => warmCounts(pool).idle === 1);
  const [warm] = pool.pids().filter((pid) => pid !== before);
  pool.setAgents([testAgent("idle", { warmSlots: 1, version: "2" })]);
  await eventually(() => warmCounts(pool).idle === 1 && !pool.pids().includes(warm ?? 0));
  assert.equal(isAlive(before), true, "a running job goes on with what it began with");
  slot.cancel("cancelled", 500);
  assert.equal((await running).outcome, "cancelled");
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
