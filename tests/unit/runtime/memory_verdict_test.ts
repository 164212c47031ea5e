import assert from "node:assert/strict";
import { judgeMemory, type MemoryVerdict } from "../../../core/runtime/memory_verdict.ts";

function verdicts(limitBytes: number | null, ...samples: number[]): MemoryVerdict[] {
  let last: MemoryVerdict = "fine";
  return samples.map((rssBytes) => last = judgeMemory(last, rssBytes, limitBytes));
}

Deno.test("judgeMemory calls memory high from 80 % of the limit, and fine again below", () => {
  assert.deepEqual(verdicts(100, 0, 79, 80, 99, 79), ["fine", "fine", "high", "high", "fine"]);
});

Deno.test("judgeMemory gives one sample's time for a collection at the limit, and none far above it", () => {
  assert.deepEqual(verdicts(100, 100, 100), ["last_chance", "over"]);
  assert.deepEqual(verdicts(100, 100, 90, 100), ["last_chance", "high", "last_chance"]);
  assert.deepEqual(verdicts(100, 125), ["over"]);
});

Deno.test("judgeMemory finds nothing without a limit", () => {
  assert.deepEqual(verdicts(null, 0, Number.MAX_SAFE_INTEGER), ["fine", "fine"]);
});
