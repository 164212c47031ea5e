/** Tries a call again after failures that may pass by themselves; all others are thrown at once. */
import { abortableWait } from "../lifecycle/supervisor.ts";

/** Waits between tries of a server call (mission.md D5); their number is the number of tries after the first. */
export const SERVER_CALL_DELAYS_MS: readonly number[] = [200, 400, 800];

export interface RetryOptions {
  /** Waits before the second, third, … try. */
  delaysMs: readonly number[];
  /** Whether this failure may pass by itself. */
  isRetryable: (error: unknown) => boolean;
  /** Ends the waiting; the call's last error is thrown then. */
  signal?: AbortSignal;
  /** Told before each wait. */
  onRetry?: (failure: { error: unknown; failures: number; waitMs: number }) => void;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const NEVER = new AbortController().signal;

/** Resolves with the first success, or throws the failure that was the last or not retryable. */
export async function retry<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { delaysMs, isRetryable, signal = NEVER, onRetry, wait = abortableWait } = options;
  for (let failures = 0;;) {
    try {
      return await call();
    } catch (error) {
      const waitMs = delaysMs[failures];
      failures += 1;
      if (waitMs === undefined || signal.aborted || !isRetryable(error)) throw error;
      onRetry?.({ error, failures, waitMs });
      await wait(waitMs, signal);
      if (signal.aborted) throw error;
    }
  }
}
