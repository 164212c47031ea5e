import assert from "node:assert/strict";
import { FatalError, JobEndedError, RetryableError, ValidationError } from "../../../core/agent/errors.ts";
import { classifyError } from "../../../core/runtime/child/error_class.ts";
import { childMessageSchema } from "../../../core/runtime/messages.ts";

Deno.test("classifyError knows what the agent's own errors say about another try", () => {
  assert.deepEqual(classifyError(new RetryableError("busy", { retryAfterMs: 1_500.4 })), {
    class: "retryable",
    retryAfterMs: 1_501,
  });
  assert.deepEqual(classifyError(new RetryableError("busy")), { class: "retryable" });
  assert.deepEqual(classifyError(new FatalError("no account")), { class: "fatal" });
  assert.deepEqual(classifyError(new ValidationError("customer.name", "is empty")), {
    class: "validation",
    field: "customer.name",
  });
});

Deno.test("classifyError knows errors of the network by name, code or text, also as a cause", () => {
  const coded = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  const network: Error[] = [
    new Deno.errors.ConnectionRefused("refused"),
    new Deno.errors.ConnectionReset("reset"),
    new Deno.errors.TimedOut("late"),
    new DOMException("signal timed out", "TimeoutError"),
    coded,
    new TypeError("fetch failed"),
    new Error("the model could not be asked", { cause: coded }),
  ];
  for (const error of network) assert.deepEqual(classifyError(error), { class: "network" }, error.message);
});

Deno.test("classifyError takes the meaning from the outermost error that has one", () => {
  const cause = new Deno.errors.ConnectionRefused("refused");
  assert.equal(classifyError(new FatalError("give up", { cause })).class, "fatal");
});

Deno.test("classifyError says unknown of anything else, and never throws", () => {
  const evil = Object.defineProperty(new Error("evil"), "name", {
    get() {
      throw new Error("no");
    },
  });
  const circular = new Error("circular");
  circular.cause = circular;
  const others = [new Error("x"), new TypeError("x is undefined"), new JobEndedError("cancelled"), evil, circular];
  for (const thrown of [...others, "text", null, undefined, { name: "FatalError" }]) {
    assert.deepEqual(classifyError(thrown), { class: "unknown" });
  }
});

Deno.test("classifyError gives only what the message to the parent may carry", () => {
  for (const retryAfterMs of [-1, NaN, Infinity, 0, 1e300, "5"]) {
    const said = classifyError(new RetryableError("busy", { retryAfterMs: retryAfterMs as number }));
    const error = { name: "RetryableError", message: "busy", ...said };
    const message = { type: "finished", jobId: "j", outcome: "failed", endReason: "entry_threw", error };
    assert.ok(childMessageSchema.safeParse(message).success, String(retryAfterMs));
  }
});
