import assert from "node:assert/strict";
import { predictEmpty, predictEnd } from "../../../../components/workers/predictions.ts";
import type { ClosedCall } from "../../../../components/workers/types.ts";

const NOW_MS = Date.parse("2026-11-22T14:00:00Z");

function call(ageMs: number, usualMs: number | null): ClosedCall {
  const since = new Date(NOW_MS - ageMs).toISOString();
  return { jobId: "j", dispatchId: "d", agent: "support", room: "front-desk", since, usualMs };
}

Deno.test("A call should end when its agent's calls usually do; what lasts longer, or has nothing to go by, is unknown", () => {
  const cases: [ClosedCall, number | null, string][] = [
    [call(1_000, 5_000), NOW_MS + 4_000, "usual length of this agent"],
    [call(5_000, 5_000), null, "longer than usual"],
    [call(31_000, 5_000), null, "6 times the usual length"],
    [call(1_000, null), null, "no call of this agent has ended lately"],
    [call(0, 0), null, "longer than usual"],
  ];
  for (const [given, endsAtMs, why] of cases) assert.deepEqual(predictEnd(given, NOW_MS), { endsAtMs, why });
});

Deno.test("An instance is empty when its last call should end; one that is unknown makes that unknown", () => {
  assert.equal(predictEmpty([call(1_000, 5_000), call(0, 9_000)], NOW_MS), NOW_MS + 9_000);
  assert.equal(predictEmpty([call(1_000, 5_000), call(1_000, null)], NOW_MS), null);
  assert.equal(predictEmpty([], NOW_MS), null);
});
