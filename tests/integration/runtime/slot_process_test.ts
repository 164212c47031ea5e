import assert from "node:assert/strict";
import { SlotPool } from "../../../core/runtime/slot_pool.ts";
import type { Slot } from "../../../core/runtime/slot.ts";
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

function startPool(runtime: RuntimeFixture, agent: PoolAgent, settings: Partial<typeof SETTINGS> = {}) {
  const { environment } = runtime;
  const pool = new SlotPool({ settings: { ...SETTINGS, ...settings }, environment, logger: environment.logger });
  pool.setAgents([agent]);
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.stop(200) });
}

/** Starts a job of the agent "shares" and waits for its entry. */
async function share(pool: SlotPool, name: string, how = "stay") {
  const slot: Slot = pool.take("shares");
  const observer = new RememberingObserver();
  const ended = slot.run(jobOf("shares", { metadata: { name, how } }), observer);
  await observer.hasEntered;
  const messages = () => observer.lines.map(({ message }) => message);
  return { slot, observer, ended, messages };
}

const SHARES = testAgent("shares", { jobsPerProcess: 3 });

Deno.test("jobs that share a process have their own output, end and context, and the process takes the next one", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, SHARES);
  const [ada, bob] = [await share(pool, "ada"), await share(pool, "bob")];
  assert.equal(ada.slot.pid, bob.slot.pid);
  assert.deepEqual(pool.snapshot().map(({ warm, running }) => [warm, running]), [[1, 2]]);
  ada.slot.cancel("cancelled", 500);
  assert.equal((await ada.ended).outcome, "cancelled");
  assert.equal(bob.slot.state, "running");
  const { pid } = bob.slot;
  await eventually(() => ada.messages().length === 2 && bob.messages().length === 1);
  assert.deepEqual(ada.messages(), [`ada is job 1 of ${pid}`, "ada ends"]);
  assert.deepEqual(bob.messages(), [`bob is job 2 of ${pid}`]);
  const [cleo, dan, eve] = [await share(pool, "cleo"), await share(pool, "dan"), await share(pool, "eve")];
  assert.deepEqual([cleo.slot.pid, dan.slot.pid], [pid, pid]);
  assert.notEqual(eve.slot.pid, pid, "a full process takes no more");
});

Deno.test("an error that one job throws or does not catch fails that job and none beside it", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, SHARES);
  const healthy = await share(pool, "healthy");
  for (const how of ["throw", "reject"]) {
    const { ended, slot } = await share(pool, how, how);
    const end = await ended;
    assert.equal(slot.pid, healthy.slot.pid);
    assert.match(end.outcome === "failed" ? end.failure.message : "", /threw|rejected/);
  }
  assert.equal(healthy.slot.state, "running");
  assert.deepEqual(healthy.observer.ends, []);
});

Deno.test("a crash takes all jobs of the process, each with an end of its own", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, SHARES);
  const ada = await share(pool, "ada");
  const bob = await share(pool, "bob");
  const dead = share(pool, "eve", "exit");
  const ends = await Promise.all([ada.ended, bob.ended, (await dead).ended]);
  for (const end of ends) {
    assert.deepEqual(end.outcome === "failed" && [end.failure.kind, end.failure.exitCode], ["exit", 9]);
  }
  assert.equal(ada.observer.ends.length + bob.observer.ends.length, 2);
  assert.equal((await share(pool, "next")).slot.state, "running");
});

Deno.test("a shared process is replaced after its number of jobs, and after one that left something behind", async () => {
  await using runtime = await startRuntime();
  await using pool = startPool(runtime, SHARES, { processMaxJobs: 2 });
  const [ada, bob] = [await share(pool, "ada"), await share(pool, "bob")];
  assert.equal(ada.slot.pid, bob.slot.pid);
  const lingers = await share(pool, "lingers", "linger");
  assert.notEqual(lingers.slot.pid, ada.slot.pid);
  for (const { slot } of [ada, bob, lingers]) slot.cancel("cancelled", 200);
  await Promise.all([ada.ended, bob.ended, lingers.ended]);
  await eventually(() => !isAlive(ada.slot.pid) && !isAlive(lingers.slot.pid));
});
