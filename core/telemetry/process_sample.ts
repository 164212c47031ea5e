/** What this machine and our processes use, as far as the system tells; null is unknown. */
import { cpus } from "node:os";

export interface CpuTimes {
  busyMs: number;
  totalMs: number;
}

/** Of all cores, since the machine started. */
export function readCpuTimes(): CpuTimes {
  let [busyMs, totalMs] = [0, 0];
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    busyMs += busy;
    totalMs += busy + times.idle;
  }
  return { busyMs, totalMs };
}

/** Share of the machine that was busy between two readings, 0..1; null when the clock did not move. */
export function cpuRatio(before: CpuTimes, after: CpuTimes): number | null {
  const totalMs = after.totalMs - before.totalMs;
  if (totalMs <= 0) return null;
  return Math.min(1, Math.max(0, (after.busyMs - before.busyMs) / totalMs));
}

/**
 * Resident memory of this process and its agents' processes. Pages that they share are counted for each, so it is an upper
 * bound. Where there is no /proc only this process is known, and null is given when there are others.
 */
export async function residentBytes(childPids: readonly number[]): Promise<number | null> {
  const own = Deno.memoryUsage().rss;
  if (Deno.build.os !== "linux") return childPids.length === 0 ? own : null;
  const ofChildren = await Promise.all(childPids.map(residentBytesOf));
  return ofChildren.reduce((total, bytes) => total + bytes, own);
}

async function residentBytesOf(pid: number): Promise<number> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // ended since its id was read
  }
}
