/**
 * Whether a child's event loop still turns: it is pinged each PING_INTERVAL_MS and answers at once unless it is stuck.
 * Silence is added up per interval and an interval counts at most twice its length, so that a control plane which itself
 * stood still (suspended machine, long pause) blames no child for it.
 */
import type { AgentChild } from "./child_process.ts";

export const PING_INTERVAL_MS = 1_000;
/** Silent for this long while it burns CPU: a loop. */
export const STUCK_BUSY_MS = 5_000;
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

/** Pings `child` until the returned function is called or `onStuck` has been, once. */
export function watchLiveness(child: AgentChild, onStuck: () => void): () => void {
  let liveness = ALIVE;
  let lastLookMs = performance.now();
  let isOver = false;
  const timer = setInterval(() => void look(), PING_INTERVAL_MS);
  const stop = () => {
    isOver = true;
    clearInterval(timer);
  };
  async function look(): Promise<void> {
    const nowMs = performance.now();
    const elapsedMs = nowMs - lastLookMs;
    lastLookMs = nowMs;
    const cpuMs = child.owesPong && child.pid !== null ? await readCpuMs(child.pid) : null;
    const next = nextLiveness(liveness, { hasAnswered: !child.owesPong, elapsedMs, cpuMs });
    liveness = next.liveness;
    if (isOver) return;
    child.ping();
    if (!next.isStuck) return;
    stop();
    onStuck();
  }
  return stop;
}

/** CPU time of a process in ms (user and system), or null where there is no /proc or no such process. */
export async function readCpuMs(pid: number): Promise<number | null> {
  let stat: string;
  try {
    stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  } catch {
    return null; // not Linux, or gone: its exit is reported elsewhere
  }
  // Fields 14 and 15 of proc(5); the name in field 2 may hold spaces, so count from its closing bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks * MS_PER_TICK : null;
}

/** USER_HZ is 100 on every Linux that Deno runs on. */
const MS_PER_TICK = 10;
