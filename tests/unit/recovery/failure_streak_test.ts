import assert from "node:assert/strict";
import { failureStreak } from "../../../core/recovery/failure_streak.ts";
import type { AttemptRow } from "../../../db/attempts.ts";

const STABLE_MS = 60_000;
const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1_000);

/** A job that began, got ready and ended at these seconds; null: not. */
function attempt(
  jobId: string,
  created: number,
  ready: number | null,
  ended: number | null,
  state = "failed",
): AttemptRow {
  const date = (seconds: number | null) => seconds === null ? null : at(seconds);
  return {
    jobId,
    state: ended === null ? "running" : state,
    createdAt: at(created),
    readyAt: date(ready),
    endedAt: date(ended),
  };
}

const CASES: [what: string, attempts: AttemptRow[], failures: number, since: number][] = [
  ["a first job that never got ready", [attempt("now", 0, null, null)], 1, 0],
  ["a first job that was ready for a moment", [attempt("now", 0, 80, null)], 1, 0],
  ["a first job that was ready for long", [attempt("now", 0, 30, null)], 1, 100],
  [
    "a job that was ready for long after two others failed",
    [
      attempt("now", 20, 30, null),
      attempt("b", 10, 11, 20),
      attempt("a", 0, 1, 10),
    ],
    1,
    100,
  ],
  ["three that failed soon", [attempt("now", 20, 99, null), attempt("b", 10, 11, 20), attempt("a", 0, 1, 10)], 3, 0],
  [
    "two that failed soon after one that was ready for long",
    [
      attempt("now", 95, 99, null),
      attempt("b", 90, null, 95),
      attempt("a", 0, 1, 90),
      attempt("older", -50, null, -1),
    ],
    3,
    90,
  ],
  ["one after a job that did not fail", [attempt("now", 50, null, null), attempt("a", 0, 1, 50, "succeeded")], 1, 50],
  ["one whose row is not there", [], 1, 100],
];

for (const [what, attempts, failures, since] of CASES) {
  Deno.test(`failureStreak counts ${failures} in a row: ${what}`, () => {
    const streak = failureStreak(attempts, { jobId: "now", at: at(100) }, STABLE_MS);
    assert.deepEqual(streak, { failures, since: at(since) });
  });
}

Deno.test("failureStreak counts all attempts together when no time makes one stable", () => {
  const attempts = [attempt("now", 90, 91, null), attempt("a", -9_000, -8_000, 90)];
  assert.deepEqual(failureStreak(attempts, { jobId: "now", at: at(100) }, 0), { failures: 2, since: at(-9_000) });
});
