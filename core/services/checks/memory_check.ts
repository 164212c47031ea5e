/** Memory that is left, under a container's limit when there is one. */
import { join } from "node:path";
import { type CheckResult, failed, formatBytes, ok, warned } from "./check.ts";

const NAME = "memory";
/** Control plane with embedded Postgres and two warm slots take some 300 MB; each further job some 35 MB. */
const LOW_BYTES = 512 * 1024 ** 2;
const LEAST_BYTES = 192 * 1024 ** 2;
/** Limit and usage files of cgroup v2 and v1 (kernel.org, cgroup-v2.rst and cgroup-v1/memory.rst). */
const CGROUP_FILES = [
  ["memory.max", "memory.current"],
  ["memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"],
] as const;

export async function checkMemory(): Promise<CheckResult[]> {
  const ofMachine = Deno.systemMemoryInfo().available;
  const ofContainer = await cgroupAvailableBytes("/sys/fs/cgroup");
  return [judgeMemory(Math.min(ofMachine, ofContainer ?? Infinity))];
}

export function judgeMemory(availableBytes: number): CheckResult {
  const available = `${formatBytes(availableBytes)} available`;
  const remedy = "Give the machine or container more memory, or lower GREENROOM_WARM_SLOTS and MAX_CONCURRENT_JOBS.";
  if (availableBytes < LEAST_BYTES) return failed(NAME, `only ${available}`, remedy);
  if (availableBytes < LOW_BYTES) return warned(NAME, `only ${available}`, remedy);
  return ok(NAME, available);
}

/** What the control group below `root` has left; null when it has no limit. */
export async function cgroupAvailableBytes(root: string): Promise<number | null> {
  for (const [limitFile, usageFile] of CGROUP_FILES) {
    const [limit, usage] = await Promise.all([readNumber(join(root, limitFile)), readNumber(join(root, usageFile))]);
    if (limit !== null && usage !== null) return Math.max(0, limit - usage);
  }
  return null;
}

/** Null for a missing file and for "max". */
async function readNumber(file: string): Promise<number | null> {
  try {
    const text = (await Deno.readTextFile(file)).trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}
