import assert from "node:assert/strict";
import { AvailabilityRequest, Job, JobAssignment, ServerMessage, WorkerMessage, WorkerStatus } from "@livekit/protocol";
import fc from "fast-check";
import {
  availabilityMessage,
  decodeFrame,
  FRAME_LIMIT_BYTES,
  printableMessage,
  registerMessage,
  scaleLoad,
  updateWorkerMessage,
} from "../../../core/livekit/worker_messages.ts";
import { DEFAULT_AGENT_PERMISSIONS } from "../../../core/livekit/permissions.ts";

const TARGET_LOAD = 0.7;

function offerBytes(metadata = "m"): Uint8Array<ArrayBuffer> {
  const value = new AvailabilityRequest({ job: new Job({ id: "AJ_1", metadata }) });
  return new ServerMessage({ message: { case: "availability", value } }).toBinary() as Uint8Array<ArrayBuffer>;
}

Deno.test("decodeFrame reads a binary frame", () => {
  const decoded = decodeFrame(offerBytes().buffer);
  assert.ok(decoded.ok && decoded.message.case === "availability" && decoded.message.value.job?.id === "AJ_1");
});

Deno.test("decodeFrame says why it drops text, oversized, cut and unknown frames", () => {
  assert.deepEqual(decodeFrame("{}"), { ok: false, reason: "not_binary" });
  assert.deepEqual(decodeFrame(new ArrayBuffer(FRAME_LIMIT_BYTES + 1)), { ok: false, reason: "oversized" });
  assert.deepEqual(decodeFrame(offerBytes().slice(0, 5).buffer), { ok: false, reason: "undecodable" });
  assert.deepEqual(decodeFrame(new ArrayBuffer(0)), { ok: false, reason: "unknown_kind" });
});

Deno.test("decodeFrame takes a frame of exactly the limit", () => {
  const overhead = offerBytes("x".repeat(100_000)).length - 100_000;
  const bytes = offerBytes("x".repeat(FRAME_LIMIT_BYTES - overhead));
  assert.equal(bytes.length, FRAME_LIMIT_BYTES);
  assert.equal(decodeFrame(bytes.buffer).ok, true);
});

Deno.test("decodeFrame never throws, whatever the bytes", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => typeof decodeFrame(bytes.slice().buffer).ok === "boolean",
    ),
  );
});

Deno.test("scaleLoad stays below the server's target load for every input", () => {
  fc.assert(fc.property(fc.double(), (ratio) => scaleLoad(ratio) >= 0 && scaleLoad(ratio) < TARGET_LOAD));
  assert.deepEqual([0, 0.5, 1, 7, -1, NaN].map(scaleLoad), [0, 0.345, 0.69, 0.69, 0, 0.69]);
});

Deno.test("updateWorkerMessage always carries status and load together", () => {
  const { message } = updateWorkerMessage({ status: "available", loadRatio: 0, jobCount: 0 });
  assert.ok(message.case === "updateWorker");
  assert.equal(message.value.status, WorkerStatus.WS_AVAILABLE);
  const full = updateWorkerMessage({ status: "full", loadRatio: 1, jobCount: 4 }).message;
  assert.ok(full.case === "updateWorker" && full.value.status === WorkerStatus.WS_FULL && full.value.jobCount === 4);
});

Deno.test("availabilityMessage turns the three answers into available and terminate", () => {
  const flags = ([{ kind: "accept", participantIdentity: "a" }, { kind: "decline", reason: "" }, {
    kind: "terminate",
    reason: "",
  }] as const)
    .map((answer) => availabilityMessage("AJ_1", answer).message)
    .map((message) => message.case === "availability" && [message.value.available, message.value.terminate]);
  assert.deepEqual(flags, [[true, false], [false, false], [false, true]]);
});

Deno.test("registerMessage carries namespace, deployment and permissions through the wire", () => {
  const bytes = registerMessage({
    agentName: "echo",
    jobType: "publisher",
    namespace: "n",
    deployment: "blue",
    permissions: { ...DEFAULT_AGENT_PERMISSIONS, hidden: true, canPublish: false },
  }).toBinary();
  const { message } = WorkerMessage.fromBinary(bytes);
  assert.ok(message.case === "register");
  const { agentName, namespace, deployment, type, allowedPermissions } = message.value;
  assert.deepEqual([agentName, namespace, deployment, type], ["echo", "n", "blue", 1]);
  assert.deepEqual(
    [allowedPermissions?.hidden, allowedPermissions?.canPublish, allowedPermissions?.canUpdateMetadata],
    [true, false, true],
  );
});

Deno.test("printableMessage shows neither the job's token nor the room's TURN password", () => {
  const value = new JobAssignment({
    token: "secret-token",
    job: { id: "AJ_1", room: { name: "r", turnPassword: "secret-turn" } },
  });
  const printed = JSON.stringify(printableMessage({ case: "assignment", value }));
  assert.ok(printed.includes("AJ_1") && !printed.includes("secret"));
});
