import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import { nextStageDeadline, overdueStage, stageFailure, stageTimeoutEnd } from "../../../core/runtime/stage_timeout.ts";

const LIMITS = { enteredTimeoutMs: 10, connectedTimeoutMs: 100, readyTimeoutMs: 1_000 };
const NEW = { assignedMs: 1, enteredMs: null, connectedMs: null, readyMs: null };

Deno.test("each stage has its deadline, counted from the one before; ready only when the agent says it itself", () => {
  const entered = { ...NEW, enteredMs: 5 };
  const connected = { ...entered, connectedMs: 50 };
  assert.deepEqual(nextStageDeadline(NEW, "explicit", LIMITS), { stage: "entered", limitMs: 10, dueMs: 11 });
  assert.deepEqual(nextStageDeadline(entered, "explicit", LIMITS), { stage: "connected", limitMs: 100, dueMs: 105 });
  assert.deepEqual(nextStageDeadline(connected, "explicit", LIMITS), { stage: "ready", limitMs: 1_000, dueMs: 1_050 });
  assert.equal(nextStageDeadline(connected, "connected", LIMITS), null);
  assert.equal(nextStageDeadline(NEW, "explicit", { ...LIMITS, enteredTimeoutMs: 0 }), null);
  assert.equal(overdueStage(entered, "explicit", LIMITS, 104), null);
  assert.equal(overdueStage(entered, "explicit", LIMITS, 105)?.stage, "connected");
});

Deno.test("a job that is ready is never stuck, whatever the time and the limits", () => {
  const times = fc.record({
    assignedMs: fc.nat(),
    enteredMs: fc.option(fc.nat()),
    connectedMs: fc.option(fc.nat()),
    readyMs: fc.nat(),
  });
  fc.assert(fc.property(times, fc.constantFrom("connected", "explicit"), fc.nat(), (reached, readiness, nowMs) => {
    return overdueStage(reached, readiness, LIMITS, nowMs) === null;
  }));
});

Deno.test("a stuck job's failure names the stage, the limit and the circumstances, and says when it had to be killed", () => {
  const stage = { stage: "connected", limitMs: 60_000, dueMs: 0 } as const;
  const failure = stageFailure(stage, ["The LiveKit server can't be reached.", "97 % of the instance's CPU was busy."]);
  assert.deepEqual(failure, {
    kind: "stage_timed_out_connected",
    message:
      "The agent did not connect to its room within 60 s of its entry. The LiveKit server can't be reached. 97 % of the instance's CPU was busy.",
  });
  const killed: JobEnd = {
    outcome: "cancelled",
    endReason: "deadline",
    failure: { kind: "shutdown_overrun", message: "killed", signal: "SIGKILL" },
  };
  const end = stageTimeoutEnd(killed, failure);
  assert.ok(end.outcome === "failed" && end.failure.signal === "SIGKILL");
  assert.match(end.failure.message, /busy\. It did not end then and was killed\.$/);
  const other: JobEnd = { outcome: "cancelled", endReason: "cancelled" };
  assert.equal(stageTimeoutEnd(other, failure), other);
  assert.equal(stageTimeoutEnd(killed, null), killed);
});
