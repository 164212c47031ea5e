import assert from "node:assert/strict";
import { SlotPool } from "../../../core/runtime/slot_pool.ts";
import type { PoolAgent } from "../../../core/runtime/slot_lane.ts";
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

function startPool(runtime: RuntimeFixture, agents: PoolAgent[], spareProcesses: number) {
  const { environment } = runtime;
  const pool = new SlotPool({ settings: { ...SETTINGS, spareProcesses }, environment, logger: environment.logger });
  pool.setAgents(agents);
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.stop(200) });
}

Deno.test("a spare process takes the job of an agent without warm slots, and is replaced", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 0 })], 1);
  await eventually(() => pool.spareCount === 1);
  const [spare] = pool.pids();
  const slot = pool.take("idle");
  assert.equal(slot.pid, spare);
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  await eventually(() => pool.spareCount === 1 && pool.pids().length === 2);
  slot.cancel("cancelled", 500);
  assert.equal((await running).outcome, "cancelled");
});

Deno.test("a spare process is not given to an agent that asks for permissions of its own", async () => {
  await using runtime = await startRuntime();
  const special = {
    ...testAgent("throws", { warmSlots: 0 }),
    osPermissions: { net: true, env: ["SOME_NAME"], read: [] },
  };
  await using pool = startPool(runtime, [testAgent("idle", { warmSlots: 0 }), special], 1);
  await eventually(() => pool.spareCount === 1);
  const [spare] = pool.pids();
  const slot = pool.take("throws");
  assert.notEqual(slot.pid, spare);
  assert.equal((await slot.run(jobOf("throws"), new RememberingObserver())).outcome, "failed");
});

Deno.test("a spare process that died is not handed out, and stop leaves none behind", async () => {
  await using runtime = await startRuntime();
  const pool = startPool(runtime, [testAgent("idle", { warmSlots: 0 })], 2);
  await eventually(() => pool.spareCount === 2);
  const [first, second] = pool.pids();
  Deno.kill(first!, "SIGKILL");
  await eventually(() => pool.spareCount === 1);
  assert.equal(pool.take("idle").pid, second);
  await pool.stop(200);
  assert.ok(!isAlive(second!));
});

Deno.test("turnToTake lets a waiting slot be taken at once, and a new process wait for a turn of the loop", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(
    runtime,
    [testAgent("idle", { warmSlots: 1 }), testAgent("throws", { warmSlots: 0 })],
    0,
  );
  await eventually(() => pool.snapshot().some(({ warm }) => warm === 1));
  const taken: string[] = [];
  const cold = pool.turnToTake("throws").then(() => taken.push("cold"));
  const warm = pool.turnToTake("idle").then(() => taken.push("warm"));
  await Promise.all([cold, warm]);
  assert.deepEqual(taken, ["warm", "cold"]);
});
