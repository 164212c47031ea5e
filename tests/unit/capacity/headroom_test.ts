import assert from "node:assert/strict";
import { headroomOf } from "../../../core/capacity/headroom.ts";

const MIB = 1_048_576;
const PLENTY = {
  freeSlots: 12,
  withinLimits: Infinity,
  memoryAvailableBytes: 100_000 * MIB,
  memoryPerJobBytes: 64 * MIB,
};

Deno.test("headroomOf is bounded by the least of free slots, limits and memory, and says by which", () => {
  assert.deepEqual(headroomOf(PLENTY), { calls: 12, boundBy: "slots" });
  assert.deepEqual(headroomOf({ ...PLENTY, withinLimits: 4 }), { calls: 4, boundBy: "limits" });
  const memoryAvailableBytes = (128 + 3 * 64) * MIB;
  assert.deepEqual(headroomOf({ ...PLENTY, memoryAvailableBytes }), { calls: 3, boundBy: "memory" });
  assert.deepEqual(headroomOf({ ...PLENTY, memoryAvailableBytes: 50 * MIB }), { calls: 0, boundBy: "memory" });
});

Deno.test("headroomOf takes memory that is not known for no bound, and no slots for none", () => {
  assert.deepEqual(headroomOf({ ...PLENTY, memoryAvailableBytes: null }), { calls: 12, boundBy: "slots" });
  assert.deepEqual(headroomOf({ ...PLENTY, freeSlots: 0, withinLimits: 0 }), { calls: 0, boundBy: "slots" });
});
