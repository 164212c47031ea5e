import assert from "node:assert/strict";
import type { JobLog } from "../../../core/agent/job_context.ts";
import { Budget } from "../../../core/runtime/child/budget.ts";
import { ShutdownCallbacks } from "../../../core/runtime/child/shutdown_callbacks.ts";

const LONG_MS = 60_000;

function recordingLog(): { log: JobLog; errors: string[] } {
  const errors: string[] = [];
  const quiet = () => {};
  return { errors, log: { debug: quiet, info: quiet, warn: quiet, error: (message) => void errors.push(message) } };
}

async function withBudget(limitMs: number, run: (budget: Budget) => Promise<void>): Promise<void> {
  const budget = new Budget(limitMs);
  await run(budget);
  budget.close();
}

Deno.test("ShutdownCallbacks run the last registered first, one after another, with the reason", async () => {
  const { log } = recordingLog();
  const callbacks = new ShutdownCallbacks(log);
  const steps: string[] = [];
  callbacks.register((reason) => void steps.push(`first ${reason}`));
  callbacks.register(async () => {
    steps.push("second begins");
    await Promise.resolve();
    steps.push("second ends");
  });
  await withBudget(LONG_MS, (budget) => callbacks.run("room_closed", budget));
  assert.deepEqual(steps, ["second begins", "second ends", "first room_closed"]);
});

Deno.test("ShutdownCallbacks run the others when one throws, and log it", async () => {
  const { log, errors } = recordingLog();
  const callbacks = new ShutdownCallbacks(log);
  let ran = false;
  callbacks.register(() => void (ran = true));
  callbacks.register(() => {
    throw new Error("cleanup failed");
  });
  await withBudget(LONG_MS, (budget) => callbacks.run("drain", budget));
  assert.ok(ran);
  assert.deepEqual(errors, ["A shutdown callback failed"]);
});

Deno.test("ShutdownCallbacks run one that is registered by another", async () => {
  const { log } = recordingLog();
  const callbacks = new ShutdownCallbacks(log);
  let ran = false;
  callbacks.register(() => callbacks.register(() => void (ran = true)));
  await withBudget(LONG_MS, (budget) => callbacks.run("drain", budget));
  assert.ok(ran);
});

Deno.test("ShutdownCallbacks stop when the budget is spent and say which were not run", async () => {
  const { log, errors } = recordingLog();
  const callbacks = new ShutdownCallbacks(log);
  callbacks.register(() => assert.fail("must not begin"));
  callbacks.register(() => assert.fail("must not begin"));
  callbacks.register(() => new Promise(() => {}));
  await withBudget(0, (budget) => callbacks.run("drain", budget));
  assert.deepEqual(errors, [
    "A shutdown callback did not end in time",
    "2 shutdown callbacks were not run: the time was over",
  ]);
});

Deno.test("Budget can be made shorter but not longer", async () => {
  const budget = new Budget(LONG_MS);
  budget.shortenTo(2 * LONG_MS);
  assert.ok(budget.remainingMs <= LONG_MS);
  assert.equal(budget.isSpent, false);
  budget.shortenTo(0);
  await budget.spent;
  assert.equal(budget.isSpent, true);
  assert.equal(budget.remainingMs, 0);
});
