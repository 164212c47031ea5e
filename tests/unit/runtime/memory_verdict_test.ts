import assert from "node:assert/strict";
import { isStarvedOfMemory, judgeMemory, type MemoryVerdict } from "../../../core/runtime/memory_verdict.ts";

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

Deno.test("isStarvedOfMemory blames memory for a stuck process near its limit or its heap's, and else not", () => {
  const MB = 1_048_576;
  const isStarved = (rssMb: number, limitMb: number | null, heapMb: number | null, idleMb: number | null = 80) =>
    isStarvedOfMemory({
      rssBytes: rssMb * MB,
      idleBytes: idleMb === null ? null : idleMb * MB,
      limitBytes: limitMb === null ? null : limitMb * MB,
      heapLimitBytes: heapMb === null ? null : heapMb * MB,
    });
  assert.equal(isStarved(410, 512, null), true);
  assert.equal(isStarved(400, 512, null), false);
  assert.equal(isStarved(290, 512, 256), true);
  assert.equal(isStarved(200, 512, 256), false);
  assert.equal(isStarved(4_000, null, null), false);
  // Looked at too late, when it had grown already; and never looked at while it was idle.
  assert.equal(isStarved(310, null, 256, 300), true);
  assert.equal(isStarved(310, null, 256, null), true);
});
