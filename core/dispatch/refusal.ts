/** Why a request was not taken, as data; routes turn it into problem details. */
export type DispatchRefusal =
  | { code: "unknown_agent"; agent: string; nearest: string[] }
  | { code: "invalid_metadata"; errors: { path: string; message: string }[] }
  | { code: "metadata_too_large"; bytes: number; maxBytes: number }
  | { code: "metadata_unchecked"; message: string }
  | { code: "unsupported_job_type"; agent: string; jobType: string }
  | { code: "idempotency_key_reused"; dispatchId: string }
  | { code: "queue_full"; agent: string; capacity: number; retryAfterSeconds: number }
  | { code: "too_many_waiters"; maxWaiters: number; retryAfterSeconds: number }
  | { code: "not_found"; dispatchId: string }
  | { code: "not_ended"; dispatchId: string }
  | { code: "owned_elsewhere"; dispatchId: string };
