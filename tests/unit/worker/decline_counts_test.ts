import assert from "node:assert/strict";
import { DeclineCounts, DECLINES_KEPT_MS } from "../../../core/worker/decline_counts.ts";

Deno.test("DeclineCounts adds reasons up, the most frequent first, and forgets what is old", () => {
  const counts = new DeclineCounts();
  counts.note("cordoned", 0);
  counts.note("instance_full", 1_000);
  counts.note("instance_full", 61_000);
  assert.deepEqual(counts.recent(61_000), [{ reason: "instance_full", count: 2 }, { reason: "cordoned", count: 1 }]);
  assert.deepEqual(counts.recent(DECLINES_KEPT_MS), [{ reason: "instance_full", count: 1 }]);
  assert.deepEqual(counts.recent(2 * DECLINES_KEPT_MS), []);
});

Deno.test("DeclineCounts keeps few reasons apart, whatever agents say", () => {
  const counts = new DeclineCounts();
  for (let i = 0; i < 100; i++) counts.note(`reason ${i}`, 0);
  const recent = counts.recent(0);
  assert.deepEqual([recent.length, recent[0]], [21, { reason: "other", count: 80 }]);
});
