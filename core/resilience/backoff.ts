/**
 * Exponential back-off with full jitter: a wait drawn evenly from 0 to min(maxMs, firstMs * 2^(attempt - 1)).
 * Spreads many clients that lost one server best (Brooker, "Exponential Backoff and Jitter", AWS 2015).
 */
export interface Backoff {
  /** Upper bound of the first wait. */
  firstMs: number;
  /** Upper bound of every wait. */
  maxMs: number;
}

/** 2^52 still is an exact number, and no `maxMs` is that long. */
const MAX_EXPONENT = 52;

/** The upper bound of the wait before attempt number `attempt` + 1. `attempt`: failures so far, from 1. */
export function backoffCeilingMs(attempt: number, { firstMs, maxMs }: Backoff): number {
  const exponent = Math.min(Math.max(Math.floor(attempt) - 1, 0), MAX_EXPONENT);
  return Math.min(maxMs, firstMs * 2 ** exponent);
}

/** The wait itself. `random` gives numbers in [0, 1). */
export function fullJitterMs(attempt: number, backoff: Backoff, random: () => number): number {
  return random() * backoffCeilingMs(attempt, backoff);
}
