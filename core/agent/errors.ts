/** Errors with a meaning for the runtime. Anything else that an entry throws follows the agent's recovery policy. */

/** The same work may well succeed later: a server was busy, a network was gone. */
export class RetryableError extends Error {
  override readonly name = "RetryableError";
  /** Least time before the next attempt. */
  readonly retryAfterMs: number;

  constructor(message: string, { retryAfterMs = 0, ...rest }: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, rest);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Trying again is pointless; the job fails for good. */
export class FatalError extends Error {
  override readonly name = "FatalError";
}

/** Something that was handed in is wrong; `field` names it, nested fields joined by dots ("customer.name"). */
export class ValidationError extends Error {
  override readonly name = "ValidationError";
  readonly field: string;

  constructor(field: string, message: string, options: ErrorOptions = {}) {
    super(`${field}: ${message}`, options);
    this.field = field;
  }
}

/** What was awaited can no longer happen because the job has ended. Thrown out of an entry it is not a failure. */
export class JobEndedError extends Error {
  override readonly name = "JobEndedError";
  readonly reason: string;

  constructor(reason: string) {
    super(`The job has ended: ${reason}`);
    this.reason = reason;
  }
}

/**
 * The control plane refused or could not do what the job asked of it (ctx.api, ctx.checkpoint, ctx.publish, …). `code`:
 * "timeout", "gone" (no control plane any more), "too_many_requests", "too_large", "invalid", "not_found", "livekit_…",
 * "lost" (the job no longer owns its dispatch), "unavailable" (the database is away).
 */
export class ControlPlaneError extends Error {
  override readonly name = "ControlPlaneError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
