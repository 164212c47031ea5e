/**
 * Whether a child's event loop still turns: it is pinged each PING_INTERVAL_MS and answers at once unless it is stuck.
 * Silence is added up per interval and an interval counts at most twice its length, so that a control plane which itself
 * stood still (suspended machine, long pause) blames no child for it. Pure; slot_process.ts takes the looks.
 */

export const PING_INTERVAL_MS = 1_000;
/**
 * Silent for this long while it burns CPU: a loop. Counted from the first look that misses an answer, so the last answer
 * is then up to 5 s old, and a loop is found within 5 s of its beginning.
 */
export const STUCK_BUSY_MS = 4_000;
/** Silent for this long at all: blocked. */
export const STUCK_SILENT_MS = 15_000;
/** A starved child burns little; a loop takes what it can get, also on a crowded machine. */
const BUSY_RATIO = 0.25;

export interface Liveness {
  /** Time without an answer. */
  silentMs: number;
  /** The process's CPU time at the beginning of the silence; null where it can't be read. */
  cpuMsAtStart: number | null;
}

export const ALIVE: Liveness = { silentMs: 0, cpuMsAtStart: null };

/** One look, taken each interval. @param cpuMs CPU time of the process so far. */
export function nextLiveness(
  last: Liveness,
  { hasAnswered, elapsedMs, cpuMs }: { hasAnswered: boolean; elapsedMs: number; cpuMs: number | null },
): { liveness: Liveness; isStuck: boolean } {
  if (hasAnswered) return { liveness: { silentMs: 0, cpuMsAtStart: cpuMs }, isStuck: false };
  const cpuMsAtStart = last.cpuMsAtStart ?? cpuMs;
  const silentMs = last.silentMs + Math.min(elapsedMs, 2 * PING_INTERVAL_MS);
  const burntMs = cpuMs === null || cpuMsAtStart === null ? 0 : cpuMs - cpuMsAtStart;
  const isBusy = burntMs >= BUSY_RATIO * silentMs;
  // Half an interval of tolerance: timers come a little early or late.
  const isOver = (limitMs: number) => silentMs >= limitMs - PING_INTERVAL_MS / 2;
  return {
    liveness: { silentMs, cpuMsAtStart },
    isStuck: isOver(STUCK_SILENT_MS) || (isBusy && isOver(STUCK_BUSY_MS)),
  };
}
