/**
 * The circuit around LiveKit's server API: after FAILURE_THRESHOLD tries in a row without a sound answer, calls fail at
 * once instead of each waiting for its limit; every PAUSE_MS one tries, and the health check (livekit_health.ts) always
 * does. States: resilience/circuit_breaker.ts.
 *
 * A server that answers is well, whatever it says: 4xx, and Twirp's "unavailable", which is its word for "no such room"
 * (livekit.md 5.3).
 */
import { CircuitBreaker, type CircuitState } from "../resilience/circuit_breaker.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { LivekitApiError } from "./api_error.ts";

const FAILURE_THRESHOLD = 5;
const PAUSE_MS = 1_000;

export type { CircuitState } from "../resilience/circuit_breaker.ts";
export type ServerCircuit = CircuitBreaker;

/** What a call fails with that was not sent: it is not tried again, because nothing would be sent then either. */
export class CircuitOpenError extends LivekitApiError {
  constructor(readonly retryAfterMs: number) {
    super("unreachable", `The last calls to LiveKit failed, so this one was not sent; next try in ${retryAfterMs} ms`);
  }
}

export function createServerCircuit(
  { logger, onChange, nowMs }: { logger: Logger; onChange?: (state: CircuitState) => void; nowMs?: () => number },
): ServerCircuit {
  return new CircuitBreaker({
    threshold: FAILURE_THRESHOLD,
    pauseMs: PAUSE_MS,
    counts: saysUnwell,
    refusal: (retryAfterMs) => new CircuitOpenError(retryAfterMs),
    onChange: (state) => {
      if (state === "open") logger.warn("calls to LiveKit's server API are held back: the last ones failed");
      if (state === "closed") logger.info("calls to LiveKit's server API are sent again");
      onChange?.(state);
    },
    ...(nowMs && { nowMs }),
  });
}

/** Whether a failure says that the server, or the way to it, is not well. */
export function saysUnwell(error: unknown): boolean {
  if (!(error instanceof LivekitApiError)) return false;
  if (error.kind === "server") return error.code !== "unavailable";
  return error.kind === "timeout" || (error.kind === "unreachable" && error.status === null);
}
