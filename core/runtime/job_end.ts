/** How a job ended: the one true outcome that is recorded, told to LiveKit and shown. */
import type { FailureClass } from "./failure_class.ts";
import type { ChildMessage, EndReason } from "./messages.ts";

/**
 * Kinds of failure told apart:
 * exception (entry threw) · exit (the process called exit or ended early) · signal (killed by a signal) ·
 * out_of_memory (V8 heap limit) · unresponsive (event loop stuck, killed by us) · connection_lost (room connection given
 * up) · not_started (the slot died or the agent was broken before entry was called) · instance_lost (this control plane
 * died while the job ran) · shutdown_overrun (did not end within its grace and was killed) · deadline_exceeded (ran longer
 * than its time limit) · stage_timed_out_entered, …_connected, …_ready (stuck before that stage: stage_timeout.ts).
 */
export const FAILURE_KINDS = [
  "exception",
  "exit",
  "signal",
  "out_of_memory",
  "unresponsive",
  "connection_lost",
  "not_started",
  "instance_lost",
  "shutdown_overrun",
  "deadline_exceeded",
  "stage_timed_out_entered",
  "stage_timed_out_connected",
  "stage_timed_out_ready",
] as const;
export type FailureKind = typeof FAILURE_KINDS[number];

export interface JobFailure {
  kind: FailureKind;
  message: string;
  stack?: string;
  /** What the error says about trying again; absent when there was no error to ask. */
  class?: FailureClass;
  /** Least time before the next attempt. */
  retryAfterMs?: number;
  exitCode?: number;
  signal?: string;
}

/** `endReason` says why the job ended even when it succeeded or was cancelled. A dead process gives "process_gone". */
export type JobEndReason = EndReason | "process_gone" | "instance_lost" | "served_already";

export type JobEnd =
  | { outcome: "succeeded"; endReason: JobEndReason }
  /** `failure` notes what else went wrong after the cancel, e.g. shutdown_overrun; the outcome stays cancelled. */
  | { outcome: "cancelled"; endReason: JobEndReason; failure?: JobFailure }
  | { outcome: "failed"; endReason: JobEndReason; failure: JobFailure };

/** A job that its time limit ended has failed, also when it had to be told from outside, or killed. Pure. */
export function deadlineEnd(end: JobEnd, timeoutMs: number | null): JobEnd {
  if (end.endReason !== "deadline" || end.outcome === "failed") return end;
  const limit = timeoutMs === null ? "its time limit" : `its limit of ${timeoutMs / 1_000} s`;
  const killed = end.outcome === "cancelled" ? end.failure : undefined;
  return {
    outcome: "failed",
    endReason: "deadline",
    failure: {
      ...killed,
      kind: "deadline_exceeded",
      message: `The job took longer than ${limit}${killed === undefined ? "" : ", did not end then and was killed"}`,
    },
  };
}

export type FinishedMessage = Extract<ChildMessage, { type: "finished" }>;
