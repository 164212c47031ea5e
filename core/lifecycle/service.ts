/**
 * Everything that runs in the control plane is a `Service`: it starts, runs until it is told to stop, and is gone when
 * `run` settles. The supervisor starts services in the order they are wired and stops them in reverse.
 */
export interface Service {
  /** Shown in logs, in `/health` and in the settings page: lower case, words joined by "-". */
  readonly name: string;
  /**
   * Brings the service up. The next service starts when this has resolved. Absent when `run` needs no start.
   * Throws when the service cannot start; the message says what failed and what to do.
   */
  start?(signal: AbortSignal): Promise<void>;
  /** Does the service's work until `signal` aborts, then cleans up and resolves. Throws when it cannot go on. */
  run(signal: AbortSignal): Promise<void>;
}
