import assert from "node:assert/strict";
import {
  BEAT_MISSED_MS,
  type InstanceLook,
  judgeInstance,
  LEASE_MARGIN_MS,
  LEASE_MS,
  LOOKS_APART_MS,
} from "../../../core/coordination/instance_verdict.ts";

const free = (atMs: number, heartbeatAgeMs: number): InstanceLook => ({ atMs, isLockFree: true, heartbeatAgeMs });
const held = (atMs: number, heartbeatAgeMs: number): InstanceLook => ({ atMs, isLockFree: false, heartbeatAgeMs });

Deno.test("An instance with a free lock is dead at the second look, when its heartbeat is missing too", () => {
  assert.equal(judgeInstance(null, free(0, BEAT_MISSED_MS + 1), LEASE_MS), "suspect");
  const first = free(0, 1_000);
  assert.equal(judgeInstance(first, free(LOOKS_APART_MS, BEAT_MISSED_MS + 1), LEASE_MS), "dead");
  assert.equal(judgeInstance(first, free(LOOKS_APART_MS - 1, BEAT_MISSED_MS + 1), LEASE_MS), "suspect");
  assert.equal(judgeInstance(first, free(LOOKS_APART_MS, BEAT_MISSED_MS), LEASE_MS), "suspect");
  assert.equal(judgeInstance(held(0, 0), free(LOOKS_APART_MS, BEAT_MISSED_MS + 1), LEASE_MS), "suspect");
});

Deno.test("Nobody is dead for an observer that was not connected for a whole lease", () => {
  assert.equal(judgeInstance(free(0, 1e6), free(LOOKS_APART_MS, 1e6), LEASE_MS - 1), "suspect");
});

Deno.test("An instance whose lock is held is dead only long after its lease", () => {
  assert.equal(judgeInstance(null, held(0, LEASE_MS), LEASE_MS), "alive");
  assert.equal(judgeInstance(null, held(0, LEASE_MS + 1), LEASE_MS), "suspect");
  assert.equal(judgeInstance(null, held(0, LEASE_MS + LEASE_MARGIN_MS + 1), LEASE_MS), "dead");
});
