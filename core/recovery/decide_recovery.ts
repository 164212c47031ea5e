/**
 * Whether a failed job gets another attempt, and when. Pure: the policy is the agent's, the time is handed in.
 *
 * In this order: the error itself may forbid it; the agent's own hook may; attempts and age are limited; otherwise the
 * next attempt waits as long as the back-off and the error ask for. The first one waits `firstMs` (0 by default), because a
 * caller is hearing nothing; the n-th from then on max(firstMs, STEP_MS) · factor^(n−2), at most `maxMs`.
 */
import type { FailureKind } from "../runtime/job_end.ts";

export interface RecoveryPolicy {
  /** Attempts in a row (failure_streak.ts), the first one included. */
  maxAttempts: number;
  /** No attempt starts later than this after the first of the row. */
  maxAgeMs: number;
  backoff: { firstMs: number; factor: number; maxMs: number };
}

/** What an agent's `recovery.decide` says. TERMINATE also stops its worker here: a machine-wide fault. */
export const RECOVERY_ADVICE = ["RETRY", "BACKOFF", "SKIP", "TERMINATE"] as const;
export type RecoveryAdvice = typeof RECOVERY_ADVICE[number];

export interface RecoveryCase {
  failure: {
    kind: FailureKind;
    /** What the error says about trying again; absent when the process died without a word. */
    class?: string | null;
    retryAfterMs?: number | null;
  };
  /** Attempts in a row that failed, this one included. */
  failures: number;
  /** When the row began. */
  since: Date;
  /** What the agent's own hook answered; null when it has none, or gave no answer in time. */
  advice: RecoveryAdvice | null;
}

export type RecoveryDecision =
  /** Another attempt: now, or not before `notBefore`. */
  | { action: "RETRY"; notBefore: null; reason: string }
  | { action: "BACKOFF"; notBefore: Date; reason: string }
  | { action: "SKIP"; reason: string }
  | { action: "TERMINATE"; reason: string };

export const DEFAULT_RECOVERY: RecoveryPolicy = {
  maxAttempts: 3,
  maxAgeMs: 3_600_000,
  backoff: { firstMs: 0, factor: 2, maxMs: 30_000 },
};

/** Wait before the third attempt when `firstMs` is less. */
const STEP_MS = 500;
/** Errors that another attempt would only repeat. */
const HOPELESS: Readonly<Record<string, string>> = {
  fatal: "the agent threw a FatalError",
  validation: "what the agent was given is not valid",
  deadline: "its time was over",
  deadline_exceeded: "its time was over",
};

export function decideRecovery(failed: RecoveryCase, policy: RecoveryPolicy, now: Date): RecoveryDecision {
  const { failure, failures, since, advice } = failed;
  const hopeless = HOPELESS[failure.class ?? ""] ?? HOPELESS[failure.kind];
  if (hopeless !== undefined) return { action: "SKIP", reason: hopeless };
  if (advice === "TERMINATE") return { action: "TERMINATE", reason: "the agent asked for its worker to be stopped" };
  if (advice === "SKIP") return { action: "SKIP", reason: "the agent asked for no further attempt" };
  if (failures >= policy.maxAttempts) {
    return { action: "SKIP", reason: `all ${policy.maxAttempts} attempts in a row failed` };
  }
  const waitMs = Math.max(backoffMs(failures, policy, advice), failure.retryAfterMs ?? 0);
  const startsAtMs = now.getTime() + waitMs;
  if (startsAtMs > since.getTime() + policy.maxAgeMs) {
    return { action: "SKIP", reason: `the first of ${failures} attempts was more than ${policy.maxAgeMs} ms ago` };
  }
  const reason = `attempt ${failures + 1} of ${policy.maxAttempts} in a row`;
  return waitMs === 0
    ? { action: "RETRY", notBefore: null, reason }
    : { action: "BACKOFF", notBefore: new Date(startsAtMs), reason };
}

/** Wait after so many failures. The advice BACKOFF asks for a wait even after the first. */
function backoffMs(failures: number, { backoff }: RecoveryPolicy, advice: RecoveryAdvice | null): number {
  const { firstMs, factor, maxMs } = backoff;
  const retries = advice === "BACKOFF" ? failures + 1 : failures;
  if (retries <= 1) return Math.min(firstMs, maxMs);
  return Math.min(maxMs, Math.max(firstMs, STEP_MS) * factor ** (retries - 2));
}
