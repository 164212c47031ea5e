import { equal } from "node:assert/strict";
import { flagWords, outcomeWords } from "../../../components/dispatch/end_words.ts";

const failure = {
  ...{ kind: "shutdown_overrun", message: "it was killed", exitCode: null, signal: "SIGKILL" },
  ...{ class: null, retryAfterMs: null, advice: null, remedy: null, errorStatus: null },
};

Deno.test("outcomeWords tells a failure by its message, another end by its reason, and a killed cancel by both", () => {
  equal(outcomeWords({ state: "running", endReason: null, failure: null }), null);
  equal(outcomeWords({ state: "succeeded", endReason: "room_closed", failure: null }), "room closed");
  equal(outcomeWords({ state: "failed", endReason: "process_gone", failure }), "it was killed");
  equal(outcomeWords({ state: "cancelled", endReason: "cancelled", failure }), "cancelled; it was killed");
});

Deno.test("flagWords has words for every flag, known or not", () => {
  equal(flagWords("never_connected"), "did not connect in time");
  equal(flagWords("something_new"), "something new");
});
