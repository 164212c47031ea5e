import assert from "node:assert/strict";
import { FatalError, JobEndedError } from "../../../core/agent/errors.ts";
import { decideOutcome, type Thrown } from "../../../core/runtime/child/decide_outcome.ts";
import { CANCEL_REASONS, END_REASONS } from "../../../core/runtime/messages.ts";

const boom: Thrown = { error: new FatalError("boom") };
const aborts: Thrown[] = [
  { error: new JobEndedError("room_closed") },
  { error: new DOMException("The operation was aborted", "AbortError") },
];

Deno.test("decideOutcome says cancelled for every reason from outside but the time limit, whatever entry threw", () => {
  for (const reason of CANCEL_REASONS.filter((each) => each !== "deadline")) {
    for (const thrown of [null, boom, ...aborts]) {
      assert.deepEqual(decideOutcome(reason, thrown, ""), { outcome: "cancelled", endReason: reason });
    }
  }
});

Deno.test("decideOutcome says failed when the connection was lost, whether entry returned or threw", () => {
  for (const thrown of [null, boom, ...aborts]) {
    const { outcome, endReason, error } = decideOutcome("connection_lost", thrown, "SIGNAL_CLOSE");
    assert.deepEqual([outcome, endReason, error?.message], ["failed", "connection_lost", "SIGNAL_CLOSE"]);
  }
});

Deno.test("decideOutcome says failed when the time limit is over, whether entry returned or threw", () => {
  for (const thrown of [null, boom, ...aborts]) {
    const { outcome, endReason, error } = decideOutcome("deadline", thrown, "longer than 5 s");
    assert.deepEqual([outcome, endReason, error?.message], ["failed", "deadline", "longer than 5 s"]);
  }
});

Deno.test("decideOutcome says failed when entry threw, with name, message and stack", () => {
  for (const reason of ["entry_threw", "room_closed", "shutdown_requested"] as const) {
    const { outcome, endReason, error } = decideOutcome(reason, boom, "");
    assert.deepEqual([outcome, endReason, error?.name, error?.message], [
      "failed",
      "entry_threw",
      "FatalError",
      "boom",
    ]);
    assert.match(error?.stack ?? "", /decide_outcome_test/);
    assert.equal(error?.class, "fatal");
  }
});

Deno.test("decideOutcome says succeeded when entry only threw the abort that the job's end caused", () => {
  const plain = END_REASONS.filter((reason) =>
    !(CANCEL_REASONS as readonly string[]).includes(reason) &&
    !["connection_lost", "heartbeat_missed", "entry_threw"].includes(reason)
  );
  assert.ok(plain.length >= 4);
  for (const reason of plain) {
    for (const thrown of [null, ...aborts]) {
      assert.deepEqual(decideOutcome(reason, thrown, ""), { outcome: "succeeded", endReason: reason });
    }
  }
});

Deno.test("decideOutcome says failed for an abort that came before the job had ended", () => {
  for (const thrown of aborts) assert.equal(decideOutcome("entry_threw", thrown, "").outcome, "failed");
});
