import assert from "node:assert/strict";
import {
  applyEvent,
  initialSnapshot,
  type WorkerConnectionSnapshot,
  type WorkerEvent,
} from "../../../core/livekit/worker_state.ts";

const START = new Date("2026-01-01T00:00:00Z");
const EXPLANATION = { explanation: "why", remedy: "what" };
const REGISTERED: WorkerEvent = { kind: "registered", workerId: "AW_1", serverInfo: null };
const CLOSED: WorkerEvent = { kind: "closed", code: 0, reason: "", explanation: EXPLANATION };
const FAILED: WorkerEvent = { kind: "failed", explanation: EXPLANATION };

/** Applies events, each `afterMs` after the one before. */
function replay(...steps: [afterMs: number, event: WorkerEvent][]): WorkerConnectionSnapshot {
  let now = START.getTime();
  return steps.reduce(
    (snapshot, [afterMs, event]) => applyEvent(snapshot, event, new Date(now += afterMs)),
    initialSnapshot(START),
  );
}

Deno.test("worker state goes connecting → registered → reconnecting → registered → stopped", () => {
  const states = [[], [REGISTERED], [REGISTERED, CLOSED], [REGISTERED, CLOSED, REGISTERED], [
    REGISTERED,
    { kind: "stopped" } as const,
  ]]
    .map((events) => replay(...events.map((event): [number, WorkerEvent] => [1, event])).state);
  assert.deepEqual(states, ["connecting", "registered", "reconnecting", "registered", "stopped"]);
});

Deno.test("worker state is settled 300 ms after the acknowledgement", () => {
  assert.equal(replay([0, REGISTERED]).settledAt?.getTime(), START.getTime() + 300);
  assert.equal(replay([0, REGISTERED], [1, CLOSED]).settledAt, null);
});

Deno.test("worker state counts attempts on through short registrations, and anew after a stable one", () => {
  assert.equal(replay([0, FAILED], [0, FAILED]).attempts, 2);
  assert.equal(replay([0, FAILED], [0, REGISTERED], [9_999, CLOSED], [0, FAILED]).attempts, 3);
  assert.equal(replay([0, FAILED], [0, REGISTERED], [10_000, CLOSED]).attempts, 1);
});

Deno.test("worker state forgets the last error when it registers, and keeps the last close", () => {
  const snapshot = replay([0, REGISTERED], [1, CLOSED], [1, FAILED], [1, REGISTERED]);
  assert.equal(snapshot.lastError, null);
  assert.equal(snapshot.lastClose?.explanation, "why");
  assert.equal(replay([0, FAILED]).lastError?.remedy, "what");
});

Deno.test("worker state shows a worker id and a ping time only while it is registered", () => {
  const before = replay([0, REGISTERED], [1, { kind: "pong", rttMs: 2 }]);
  assert.deepEqual([before.workerId, before.pingRttMs], ["AW_1", 2]);
  const after = applyEvent(before, CLOSED, START);
  assert.deepEqual([after.workerId, after.pingRttMs], [null, null]);
});

Deno.test("worker state counts dropped frames over all connections", () => {
  assert.equal(
    replay([0, REGISTERED], [0, { kind: "frame_dropped" }], [0, CLOSED], [0, { kind: "frame_dropped" }]).framesDropped,
    2,
  );
});
