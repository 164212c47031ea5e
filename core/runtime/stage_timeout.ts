/**
 * A deadline for each stage of a job, so that a stuck one is found, named and tried again:
 *
 *   assigned ─▶ entered within `enteredTimeoutMs` ─▶ connected within `connectedTimeoutMs`
 *            ─▶ ready within `readyTimeoutMs` (only when readiness is explicit: else ready is connected) ─▶ nothing is timed
 *
 * Each counts from the stage before; 0: no deadline. A job that is ready is never timed again. Pure: times come in.
 */
import type { JobEnd, JobFailure } from "./job_end.ts";

export const TIMED_STAGES = ["entered", "connected", "ready"] as const;
export type TimedStage = typeof TIMED_STAGES[number];

export interface StageLimits {
  enteredTimeoutMs: number;
  connectedTimeoutMs: number;
  readyTimeoutMs: number;
}

/** When each stage was reached, on one clock; null: not yet. */
export interface StageTimes {
  assignedMs: number;
  enteredMs: number | null;
  connectedMs: number | null;
  readyMs: number | null;
}

export interface StageDeadline {
  stage: TimedStage;
  limitMs: number;
  dueMs: number;
}

/** The stage that is next and by when; null when nothing is timed (any more). */
export function nextStageDeadline(
  { assignedMs, enteredMs, connectedMs, readyMs }: StageTimes,
  readiness: "connected" | "explicit",
  limits: StageLimits,
): StageDeadline | null {
  if (readyMs !== null) return null;
  if (enteredMs === null) return deadline("entered", limits.enteredTimeoutMs, assignedMs);
  if (connectedMs === null) return deadline("connected", limits.connectedTimeoutMs, enteredMs);
  return readiness === "explicit" ? deadline("ready", limits.readyTimeoutMs, connectedMs) : null;
}

/** The stage that the job is stuck before at `nowMs`; null: it is not. */
export function overdueStage(
  times: StageTimes,
  readiness: "connected" | "explicit",
  limits: StageLimits,
  nowMs: number,
): StageDeadline | null {
  const next = nextStageDeadline(times, readiness, limits);
  return next !== null && nowMs >= next.dueMs ? next : null;
}

const STUCK: Record<TimedStage, string> = {
  entered: "The agent's entry was not called within {s} s of the job's assignment.",
  connected: "The agent did not connect to its room within {s} s of its entry.",
  ready: "The agent connected but did not say that it is ready within {s} s.",
};

/** @param circumstances what may be the cause, each a sentence: LiveKit is away, the CPU is busy. */
export function stageFailure({ stage, limitMs }: StageDeadline, circumstances: readonly string[]): JobFailure {
  const message = STUCK[stage].replace("{s}", String(limitMs / 1_000));
  return { kind: `stage_timed_out_${stage}`, message: [message, ...circumstances].join(" ") };
}

/** The end of a job that was told to end (as for a deadline) because a stage was overdue. */
export function stageTimeoutEnd(end: JobEnd, failure: JobFailure | null): JobEnd {
  if (failure === null || end.endReason !== "deadline") return end;
  const killed = end.outcome === "cancelled" ? end.failure : undefined;
  const message = killed === undefined ? failure.message : `${failure.message} It did not end then and was killed.`;
  return { outcome: "failed", endReason: "deadline", failure: { ...killed, ...failure, message } };
}

function deadline(stage: TimedStage, limitMs: number, fromMs: number): StageDeadline | null {
  return limitMs === 0 ? null : { stage, limitMs, dueMs: fromMs + limitMs };
}
