import assert from "node:assert/strict";
import { retry, SERVER_CALL_DELAYS_MS } from "../../../core/resilience/retry.ts";

function failing(times: number) {
  const state = { calls: 0, waitsMs: [] as number[] };
  const call = () =>
    ++state.calls <= times ? Promise.reject(new Error(`failure ${state.calls}`)) : Promise.resolve("ok");
  const wait = (ms: number) => Promise.resolve(void state.waitsMs.push(ms));
  return { state, call, wait };
}

Deno.test("retry waits 200, 400 and 800 ms between the tries of a server call", async () => {
  const { state, call, wait } = failing(3);
  assert.equal(await retry(call, { delaysMs: SERVER_CALL_DELAYS_MS, isRetryable: () => true, wait }), "ok");
  assert.deepEqual(state.waitsMs, [200, 400, 800]);
});

Deno.test("retry throws the last failure when every try failed", async () => {
  const { state, call, wait } = failing(99);
  await assert.rejects(retry(call, { delaysMs: [1, 2], isRetryable: () => true, wait }), /failure 3/);
  assert.equal(state.calls, 3);
});

Deno.test("retry throws at once what is not retryable", async () => {
  const { state, call, wait } = failing(99);
  await assert.rejects(retry(call, { delaysMs: [1, 2], isRetryable: () => false, wait }), /failure 1/);
  assert.deepEqual(state.waitsMs, []);
});

Deno.test("retry stops waiting and throws the failure when its signal aborts", async () => {
  const { state, call } = failing(99);
  const controller = new AbortController();
  const wait = () => Promise.resolve(controller.abort());
  await assert.rejects(
    retry(call, { delaysMs: [60_000, 60_000], isRetryable: () => true, signal: controller.signal, wait }),
    /failure 1/,
  );
  assert.equal(state.calls, 1);
});

Deno.test("retry tells each wait before it begins", async () => {
  const { call, wait } = failing(1);
  const told: number[] = [];
  await retry(call, { delaysMs: [7], isRetryable: () => true, wait, onRetry: ({ waitMs }) => told.push(waitMs) });
  assert.deepEqual(told, [7]);
});
