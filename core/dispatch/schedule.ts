/** When a dispatch may start and by when it must be ready, from what was asked for. Pure. */
import type { Placement } from "../../db/schema/states.ts";

/** 30 days: of `scheduledAt` from now, and of `deadlineMs`. */
export const MAX_AHEAD_MS = 2_592_000_000;

export type ScheduleProblem = "too_far" | "with_livekit";

/** As a request gives it. */
export interface AskedSchedule {
  /** ISO 8601. */
  scheduledAt?: string | undefined;
  deadlineMs?: number | undefined;
  placement?: Placement | undefined;
}

export type Schedule =
  | { ok: true; scheduledAt: Date | null; deadlineAt: Date | null }
  | { ok: false; problem: ScheduleProblem };

/** A start in the past is one at once. The deadline counts from the start that was asked for. */
export function scheduleOf({ scheduledAt, deadlineMs, placement }: AskedSchedule, now: Date): Schedule {
  const given = scheduledAt === undefined ? null : new Date(scheduledAt);
  const start = given !== null && given > now ? given : null;
  if (start !== null && start.getTime() - now.getTime() > MAX_AHEAD_MS) return { ok: false, problem: "too_far" };
  if (start !== null && placement === "livekit") return { ok: false, problem: "with_livekit" };
  const from = start ?? now;
  const deadlineAt = deadlineMs === undefined ? null : new Date(from.getTime() + deadlineMs);
  return { ok: true, scheduledAt: start, deadlineAt };
}
