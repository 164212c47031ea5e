/**
 * How often in a row the jobs of a dispatch have failed. A call may last for hours and lose its agent now and then: one that
 * was ready for long before it was lost begins a new row, so that only an agent that does not get on its feet is given up.
 * Pure.
 */
import type { AttemptRow } from "../../db/attempts.ts";

export interface FailureStreak {
  /** From 1: the job that has failed now is counted. */
  failures: number;
  /** When the first of them failed, if it had been ready for long; else when it was placed. */
  since: Date;
}

/**
 * @param attempts newest first; those left out are counted as if they belonged to the row no more.
 * @param failed the job that has failed at `at`, whether its row says so already or not.
 * @param stableMs ready for so long before it failed: not the same row as those before. 0: all are one row.
 */
export function failureStreak(
  attempts: readonly AttemptRow[],
  failed: { jobId: string; at: Date },
  stableMs: number,
): FailureStreak {
  const streak: FailureStreak = { failures: 0, since: failed.at };
  for (const { jobId, state, createdAt, readyAt, endedAt } of attempts) {
    const isNow = jobId === failed.jobId;
    if (!isNow && state !== "failed") break;
    streak.failures++;
    const failedAt = isNow ? failed.at : endedAt ?? failed.at;
    const readyForMs = readyAt === null ? 0 : failedAt.getTime() - readyAt.getTime();
    if (stableMs > 0 && readyForMs >= stableMs) return { ...streak, since: failedAt };
    streak.since = createdAt;
  }
  return { ...streak, failures: Math.max(1, streak.failures) };
}
