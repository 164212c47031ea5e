/** How a job ended, from why it ended and what its entry did. Pure. */
import { JobEndedError } from "../../agent/errors.ts";
import type { EndedReason } from "../../agent/job_context.ts";
import type { ChildMessage } from "../messages.ts";
import { classifyError } from "./error_class.ts";
import { describeError } from "./error_text.ts";

export type Outcome = Omit<Extract<ChildMessage, { type: "finished" }>, "type" | "jobId">;

/** What entry threw, or what nobody caught; absent when nothing was. */
export interface Thrown {
  error: unknown;
}

/**
 * - Ended from outside: cancelled, whatever entry threw on its way out.
 * - Connection lost, the time limit over, or a heartbeat missed: failed, because the dispatch still stands.
 * - Thrown: failed, unless entry only ended by the abort that ending the job caused.
 * - Else succeeded, with the reason.
 */
export function decideOutcome(reason: EndedReason, thrown: Thrown | null, detail: string): Outcome {
  switch (reason) {
    case "cancelled":
    case "terminated_by_livekit":
    case "drain":
    case "shutdown":
      return { outcome: "cancelled", endReason: reason };
    case "connection_lost":
      return {
        outcome: "failed",
        endReason: reason,
        error: { name: "ConnectionLostError", message: detail, class: "network" },
      };
    case "deadline":
      return { outcome: "failed", endReason: reason, error: deadlineError(detail) };
    case "heartbeat_missed":
      return { outcome: "failed", endReason: reason, error: { name: "UnresponsiveError", message: detail } };
    case "entry_threw":
      return { outcome: "failed", endReason: reason, error: failureOf(thrown?.error) };
    default:
      if (thrown === null || isAbort(thrown.error)) return { outcome: "succeeded", endReason: reason };
      return { outcome: "failed", endReason: "entry_threw", error: failureOf(thrown.error) };
  }
}

function deadlineError(detail: string) {
  return { name: "DeadlineExceededError", message: detail === "" ? "The job's time limit is over" : detail };
}

function failureOf(error: unknown) {
  return { ...describeError(error), ...classifyError(error) };
}

/** Calls in flight are aborted when a job ends: by our signal, or by rtc-node when the room is gone. */
export function isAbort(error: unknown): boolean {
  return error instanceof JobEndedError ||
    ((error instanceof Error || error instanceof DOMException) && error.name === "AbortError");
}
