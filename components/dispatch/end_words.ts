/** What was noticed about a job, and how it ended, in words. Pure. */
import { causeWords } from "./timeline.ts";
import type { JobView } from "./types.ts";

const FLAGS: Record<string, string> = {
  never_connected: "did not connect in time",
  cancel_requested: "to be cancelled",
  never_ready: "did not say in time that it is ready",
  ready_deadline_missed: "was not ready by the dispatch's deadline",
  not_rerun: "was not run again",
  memory_high: "came near its memory limit",
};

export function flagWords(flag: string): string {
  return FLAGS[flag] ?? causeWords(flag);
}

/** One line; null while the job goes on. A cancelled job that had to be killed says both. */
export function outcomeWords(
  { state, endReason, failure }: Pick<JobView, "state" | "endReason" | "failure">,
): string | null {
  if (state === "failed") return failure?.message ?? "failed";
  if (endReason === null) return null;
  return failure === null ? causeWords(endReason) : `${causeWords(endReason)}; ${failure.message}`;
}
