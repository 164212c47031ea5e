/** What the writes of jobs have in common. */

/** The job a write is for; `leaseToken` fences writes of an owner that has lost it. */
export interface JobKey {
  jobId: string;
  dispatchId: string;
  leaseToken: string;
}

export interface JobFailureColumns {
  code: string;
  kind: string;
  fingerprint: string;
  message: string;
  remedy: string;
  stack: string | null;
  exitCode: number | null;
  signal: string | null;
  /** What the error says about trying again; null when that is not known or not asked. */
  class?: string | null;
  /** Least time before the next attempt. */
  retryAfterMs?: number | null;
}
