/**
 * The few status words that callers of every API know, for what ends or refuses a dispatch: in REST answers as
 * `errorStatus`, and at the head of the error text that LiveKit is told. Pure.
 */
export const ERROR_STATUSES = ["DEADLINE_EXCEEDED", "INVALID_REQUEST", "RESOURCE_EXHAUSTED"] as const;
export type ErrorStatus = typeof ERROR_STATUSES[number];

const BY_CODE: Readonly<Record<string, ErrorStatus>> = {
  deadline_exceeded: "DEADLINE_EXCEEDED",
  dispatch_expired: "DEADLINE_EXCEEDED",
  invalid_json: "INVALID_REQUEST",
  invalid_metadata: "INVALID_REQUEST",
  invalid_request: "INVALID_REQUEST",
  metadata_too_large: "INVALID_REQUEST",
  no_free_slot: "RESOURCE_EXHAUSTED",
  queue_full: "RESOURCE_EXHAUSTED",
  rate_limited: "RESOURCE_EXHAUSTED",
  stage_timed_out_connected: "DEADLINE_EXCEEDED",
  stage_timed_out_entered: "DEADLINE_EXCEEDED",
  stage_timed_out_ready: "DEADLINE_EXCEEDED",
  too_many_waiters: "RESOURCE_EXHAUSTED",
};

/** @param code of a failure or of a problem; null for a code that no such word stands for. */
export function errorStatusOf(code: string): ErrorStatus | null {
  return BY_CODE[code] ?? null;
}

/** "DEADLINE_EXCEEDED: The job took …", or the message alone. */
export function withErrorStatus(code: string, message: string): string {
  const status = errorStatusOf(code);
  return status === null ? message : `${status}: ${message}`;
}
