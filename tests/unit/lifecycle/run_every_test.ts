import assert from "node:assert/strict";
import { runEvery } from "../../../core/lifecycle/run_every.ts";

function unexpected(error?: unknown): never {
  assert.fail(`not expected: ${error}`);
}

Deno.test("runEvery runs its task at once, and again until its signal aborts", async () => {
  const controller = new AbortController();
  let runs = 0;
  await runEvery({
    everyMs: 1,
    signal: controller.signal,
    task: () => void (++runs === 3 && controller.abort()),
    onError: unexpected,
  });
  assert.equal(runs, 3);
});

Deno.test("runEvery tells each failure, thrown or rejected, and goes on", async () => {
  const controller = new AbortController();
  const failures: unknown[] = [];
  let runs = 0;
  await runEvery({
    everyMs: 1,
    signal: controller.signal,
    task: () => {
      runs += 1;
      if (runs === 1) throw "thrown";
      if (runs === 2) return Promise.reject("rejected");
      controller.abort();
    },
    onError: (error) => void failures.push(error),
  });
  assert.deepEqual(failures, ["thrown", "rejected"]);
});

Deno.test("runEvery never runs two tasks at once", async () => {
  const controller = new AbortController();
  let running = 0;
  let runs = 0;
  await runEvery({
    everyMs: 0,
    signal: controller.signal,
    task: async () => {
      running += 1;
      assert.equal(running, 1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
      if (++runs === 3) controller.abort();
    },
    onError: unexpected,
  });
});

Deno.test("runEvery does nothing when its signal has aborted before, and ends its wait when it aborts", async () => {
  await runEvery({ everyMs: 1, signal: AbortSignal.abort(), task: () => unexpected(), onError: unexpected });
  const controller = new AbortController();
  const running = runEvery({ everyMs: 600_000, signal: controller.signal, task: () => {}, onError: unexpected });
  controller.abort();
  await running;
});
