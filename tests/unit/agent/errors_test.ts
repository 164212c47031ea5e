import assert from "node:assert/strict";
import { FatalError, JobEndedError, RetryableError, ValidationError } from "../../../core/agent/errors.ts";

Deno.test("RetryableError carries its delay and cause, 0 ms by default", () => {
  const cause = new Error("busy");
  const error = new RetryableError("later", { retryAfterMs: 250, cause });
  assert.deepEqual([error.name, error.message, error.retryAfterMs, error.cause], [
    "RetryableError",
    "later",
    250,
    cause,
  ]);
  assert.equal(new RetryableError("later").retryAfterMs, 0);
});

Deno.test("ValidationError names its field in the message", () => {
  const error = new ValidationError("customer.name", "must not be empty");
  assert.deepEqual([error.name, error.field, error.message], [
    "ValidationError",
    "customer.name",
    "customer.name: must not be empty",
  ]);
});

Deno.test("every error of greenroom is an Error with its own name", () => {
  for (const error of [new FatalError("no"), new JobEndedError("drain")]) {
    assert.ok(error instanceof Error);
    assert.equal(error.name, error.constructor.name);
  }
});
