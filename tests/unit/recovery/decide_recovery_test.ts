import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decideRecovery,
  DEFAULT_RECOVERY,
  RECOVERY_ADVICE,
  type RecoveryCase,
} from "../../../core/recovery/decide_recovery.ts";
import { FAILURE_KINDS } from "../../../core/runtime/job_end.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const died: RecoveryCase = { failure: { kind: "signal" }, failures: 1, since: NOW, advice: null };

Deno.test("A job whose process died is tried again at once, then with growing waits, then no more", () => {
  const first = decideRecovery(died, DEFAULT_RECOVERY, NOW);
  assert.deepEqual(first, { action: "RETRY", notBefore: null, reason: "attempt 2 of 3 in a row" });
  const second = decideRecovery({ ...died, failures: 2 }, DEFAULT_RECOVERY, NOW);
  assert.deepEqual(second, {
    action: "BACKOFF",
    notBefore: new Date(NOW.getTime() + 500),
    reason: "attempt 3 of 3 in a row",
  });
  const third = decideRecovery({ ...died, failures: 3 }, DEFAULT_RECOVERY, NOW);
  assert.deepEqual(third, { action: "SKIP", reason: "all 3 attempts in a row failed" });
});

for (const kind of ["fatal", "validation", "deadline"]) {
  Deno.test(`A ${kind} error is not tried again, whatever the agent advises`, () => {
    const failed = { ...died, failure: { kind: "exception", class: kind }, advice: "RETRY" } as const;
    assert.equal(decideRecovery(failed, DEFAULT_RECOVERY, NOW).action, "SKIP");
  });
}

Deno.test("A retryable error's own wait counts when it is the longer one", () => {
  const failed = { ...died, failure: { kind: "exception", class: "retryable", retryAfterMs: 2_000 } } as const;
  const decided = decideRecovery(failed, DEFAULT_RECOVERY, NOW);
  assert.ok(decided.action === "BACKOFF");
  assert.deepEqual(decided.notBefore, new Date(NOW.getTime() + 2_000));
});

Deno.test("The agent's advice can stop the recovery, stop its worker, or ask for a wait", () => {
  const actions = RECOVERY_ADVICE.map((advice) => decideRecovery({ ...died, advice }, DEFAULT_RECOVERY, NOW).action);
  assert.deepEqual(actions, ["RETRY", "BACKOFF", "SKIP", "TERMINATE"]);
});

Deno.test("No attempt starts after the dispatch's greatest age, and none exceeds the limits", () => {
  const policies = fc.record({
    maxAttempts: fc.integer({ min: 1, max: 10 }),
    maxAgeMs: fc.integer({ min: 0, max: 10_000_000 }),
    backoff: fc.record({
      firstMs: fc.integer({ min: 0, max: 60_000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      maxMs: fc.integer({ min: 0, max: 600_000 }),
    }),
  });
  const cases = fc.record({
    failure: fc.record({ kind: fc.constantFrom(...FAILURE_KINDS), retryAfterMs: fc.integer({ min: 0, max: 100_000 }) }),
    failures: fc.integer({ min: 1, max: 12 }),
    ageMs: fc.integer({ min: 0, max: 20_000_000 }),
    advice: fc.constantFrom(null, ...RECOVERY_ADVICE),
  });
  fc.assert(fc.property(policies, cases, (policy, { ageMs, ...failed }) => {
    const since = new Date(NOW.getTime() - ageMs);
    const decided = decideRecovery({ ...failed, since }, policy, NOW);
    if (decided.action === "SKIP" || decided.action === "TERMINATE") return;
    const startsAtMs = (decided.notBefore ?? NOW).getTime();
    assert.ok(failed.failures < policy.maxAttempts);
    assert.ok(startsAtMs <= since.getTime() + policy.maxAgeMs);
    assert.ok(startsAtMs - NOW.getTime() <= Math.max(policy.backoff.maxMs, failed.failure.retryAfterMs));
    assert.equal(decided.action === "RETRY", decided.notBefore === null);
  }));
});
