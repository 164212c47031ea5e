import assert from "node:assert/strict";
import { endReported, logReported, storableText } from "../../../core/runtime/slot_reports.ts";

const NOW = new Date("2026-01-02T03:04:05.006Z");

Deno.test("endReported keeps success and cancel, and tells a lost connection from an exception", () => {
  const end = (message: Omit<Parameters<typeof endReported>[0], "type" | "jobId">) =>
    endReported({ type: "finished", jobId: "j", ...message });
  assert.deepEqual(end({ outcome: "succeeded", endReason: "room_closed" }), {
    outcome: "succeeded",
    endReason: "room_closed",
  });
  assert.deepEqual(end({ outcome: "cancelled", endReason: "drain" }), { outcome: "cancelled", endReason: "drain" });
  const thrown = end({
    outcome: "failed",
    endReason: "entry_threw",
    error: { name: "TypeError", message: "no", stack: "at x" },
  });
  assert.deepEqual(thrown, {
    outcome: "failed",
    endReason: "entry_threw",
    failure: { kind: "exception", message: "TypeError: no", stack: "at x" },
  });
  const lost = end({ outcome: "failed", endReason: "connection_lost" });
  assert.equal(lost.outcome === "failed" && lost.failure.kind, "connection_lost");
});

Deno.test("logReported takes the child's time unless it is out of this world", () => {
  const at = (ms: number) => logReported({ type: "log", level: "info", message: "m", at: ms }, NOW).at;
  assert.deepEqual(at(NOW.getTime() - 5), new Date(NOW.getTime() - 5));
  for (const wild of [0, 1e300, -1e300]) assert.deepEqual(at(wild), NOW);
});

Deno.test("logReported makes texts and fields storable in Postgres", () => {
  const fields = { "a\0": "b\0", half: "\ud800", whole: "😀", path: "C:\\u0000" };
  const line = logReported({ type: "log", level: "info", message: "x\0y\udfff", fields, at: NOW.getTime() }, NOW);
  assert.equal(line.message, "x\uFFFDy\uFFFD");
  assert.equal(line.fields?.whole, "😀");
  const json = JSON.stringify(line.fields);
  assert.ok(json.isWellFormed() && !/\\u0000"|\\ud800/.test(json));
  assert.equal(storableText("plain"), "plain");
});
