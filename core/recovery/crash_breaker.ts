/**
 * Circuit breaker of one agent against crash loops. Pure: each event gives the next state.
 *
 *   closed ──`threshold` failures in a row, each soon after its start──▶ open ──probeAt──▶ half_open ──served──▶ closed
 *                                                                         ▲                   │
 *                                                                         └──────failed───────┘  (the pause doubles)
 *
 * While it is open nothing of the agent starts: dispatches wait with the reason `breaker_open`. Half open lets one job try,
 * and another one when nothing was heard of it for PROBE_WAIT_MS.
 */

export type BreakerState = "closed" | "open" | "half_open";

export interface Breaker {
  readonly state: BreakerState;
  /** Failures in a row; a job that served starts the count anew. */
  readonly failures: number;
  /** The last failure, in words. */
  readonly reason: string | null;
  readonly openedAt: Date | null;
  /** When one job may try; null while closed. */
  readonly probeAt: Date | null;
}

export interface BreakerPolicy {
  threshold: number;
  /** First pause; it doubles up to `maxPauseMs` with each failed probe. */
  pauseMs: number;
  maxPauseMs: number;
}

export const CLOSED: Breaker = { state: "closed", failures: 0, reason: null, openedAt: null, probeAt: null };
export const DEFAULT_BREAKER: BreakerPolicy = { threshold: 5, pauseMs: 10_000, maxPauseMs: 300_000 };

/** A job failed before it had served for a while. */
export function afterCrash(breaker: Breaker, reason: string, policy: BreakerPolicy, now: Date): Breaker {
  const failures = breaker.failures + 1;
  if (failures < policy.threshold) return { ...breaker, failures, reason };
  const doublings = Math.min(30, failures - policy.threshold);
  const pauseMs = Math.min(policy.maxPauseMs, policy.pauseMs * 2 ** doublings);
  const openedAt = breaker.openedAt ?? now;
  return { state: "open", failures, reason, openedAt, probeAt: new Date(now.getTime() + pauseMs) };
}

/** A job of the agent has served: whatever was wrong is over. */
export function afterService(breaker: Breaker): Breaker {
  return breaker.state === "closed" && breaker.failures === 0 ? breaker : CLOSED;
}

/** From a probe's start to the next one, when it has neither served nor failed by then. */
export const PROBE_WAIT_MS = 30_000;

/** Asks for leave to start a job. A granted probe makes it half open, until that job has served or failed. */
export function tryStart(breaker: Breaker, now: Date): { mayStart: boolean; breaker: Breaker } {
  if (breaker.state === "closed") return { mayStart: true, breaker };
  if (breaker.probeAt === null || breaker.probeAt > now) return { mayStart: false, breaker };
  const probeAt = new Date(now.getTime() + PROBE_WAIT_MS);
  return { mayStart: true, breaker: { ...breaker, state: "half_open", probeAt } };
}
