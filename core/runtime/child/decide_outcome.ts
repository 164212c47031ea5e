/** How a job ended, from why it ended and what its entry did. Pure. */
import { JobEndedError } from "../../agent/errors.ts";
import type { EndedReason } from "../../agent/job_context.ts";
import type { ChildMessage } from "../messages.ts";
import { describeError } from "./error_text.ts";

export type Outcome = Omit<Extract<ChildMessage, { type: "finished" }>, "type" | "jobId">;

/** What entry threw, or what nobody caught; absent when nothing was. */
export interface Thrown {
  error: unknown;
}

/**
 * - Ended from outside: cancelled, whatever entry threw on its way out.
 * - Connection lost: failed, because the dispatch still stands.
 * - Thrown: failed, unless entry only ended by the abort that ending the job caused.
 * - Else succeeded, with the reason.
 */
export function decideOutcome(reason: EndedReason, thrown: Thrown | null, detail: string): Outcome {
  switch (reason) {
    case "cancelled":
    case "terminated_by_livekit":
    case "drain":
    case "shutdown":
    case "deadline":
      return { outcome: "cancelled", endReason: reason };
    case "connection_lost":
      return { outcome: "failed", endReason: reason, error: { name: "ConnectionLostError", message: detail } };
    case "entry_threw":
      return { outcome: "failed", endReason: reason, error: describeError(thrown?.error) };
    default:
      if (thrown === null || isAbort(thrown.error)) return { outcome: "succeeded", endReason: reason };
      return { outcome: "failed", endReason: "entry_threw", error: describeError(thrown.error) };
  }
}

/** Calls in flight are aborted when a job ends: by our signal, or by rtc-node when the room is gone. */
export function isAbort(error: unknown): boolean {
  return error instanceof JobEndedError ||
    ((error instanceof Error || error instanceof DOMException) && error.name === "AbortError");
}
