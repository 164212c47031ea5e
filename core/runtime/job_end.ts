/** How a job ended: the one true outcome that is recorded, told to LiveKit and shown. */
import type { ChildMessage, EndReason } from "./messages.ts";

/**
 * Kinds of failure told apart:
 * exception (entry threw) · exit (the process called exit or ended early) · signal (killed by a signal) ·
 * out_of_memory (V8 heap limit) · unresponsive (event loop stuck, killed by us) · connection_lost (room connection given
 * up) · not_started (the slot died or the agent was broken before entry was called) · instance_lost (this control plane
 * died while the job ran) · shutdown_overrun (did not end within its grace and was killed).
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
] as const;
export type FailureKind = typeof FAILURE_KINDS[number];

export interface JobFailure {
  kind: FailureKind;
  message: string;
  stack?: string;
  exitCode?: number;
  signal?: string;
}

/** `endReason` says why the job ended even when it succeeded or was cancelled. A dead process gives "process_gone". */
export type JobEndReason = EndReason | "process_gone" | "instance_lost";

export type JobEnd =
  | { outcome: "succeeded"; endReason: JobEndReason }
  /** `failure` notes what else went wrong after the cancel, e.g. shutdown_overrun; the outcome stays cancelled. */
  | { outcome: "cancelled"; endReason: JobEndReason; failure?: JobFailure }
  | { outcome: "failed"; endReason: JobEndReason; failure: JobFailure };

export type FinishedMessage = Extract<ChildMessage, { type: "finished" }>;
