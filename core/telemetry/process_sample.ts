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

/** Resident memory of one process. Pages of files (programs, libraries) are mostly shared with others of their kind. */
export interface ProcessMemory {
  ownBytes: number;
  fileBytes: number;
}

export interface MemoryOfAll {
  totalBytes: number;
  /** Mean of the children, without what they share; null without children. */
  perChildBytes: number | null;
}

/** Text as of /proc/<pid>/status. */
export function parseProcessMemory(status: string): ProcessMemory {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  return { ownBytes: bytes("RssAnon") + bytes("RssShmem"), fileBytes: bytes("RssFile") };
}

/** File pages are counted once, because all our processes run the same program: their sum would tell far too much. */
export function memoryOfAll(own: ProcessMemory, children: readonly ProcessMemory[]): MemoryOfAll {
  const ofChildren = children.reduce((total, { ownBytes }) => total + ownBytes, 0);
  const fileBytes = Math.max(own.fileBytes, ...children.map((child) => child.fileBytes));
  return {
    totalBytes: own.ownBytes + ofChildren + fileBytes,
    perChildBytes: children.length === 0 ? null : ofChildren / children.length,
  };
}

/**
 * Memory of this process and its agents' processes. Where there is no /proc only this process is known, and null is given
 * when there are others.
 */
export async function readMemoryOfAll(childPids: readonly number[]): Promise<MemoryOfAll | null> {
  if (Deno.build.os !== "linux") {
    return childPids.length > 0 ? null : { totalBytes: Deno.memoryUsage().rss, perChildBytes: null };
  }
  const [own, ...children] = await Promise.all(["self", ...childPids].map(readProcessMemory));
  const living = children.filter((memory) => memory !== null);
  return memoryOfAll(own ?? { ownBytes: Deno.memoryUsage().rss, fileBytes: 0 }, living);
}

/** Null when it ended since its id was read. */
async function readProcessMemory(pid: number | string): Promise<ProcessMemory | null> {
  try {
    return parseProcessMemory(await Deno.readTextFile(`/proc/${pid}/status`));
  } catch {
    return null;
  }
}
