/**
 * What this process may still take of its machine: CPU, memory, processes, open files, by the machine's own figures and by
 * the control groups that we are in (cgroup.ts), whichever is tighter. Null is unknown: on systems without /proc most is.
 */
import { availableParallelism } from "node:os";
import {
  CGROUP_CONTROLLERS,
  type CgroupController,
  cgroupFiles,
  type CgroupFolders,
  type CgroupLayout,
  cgroupLayout,
  type CgroupLevel,
  readLevel,
  tightest,
} from "./cgroup.ts";
import { cpuRatio, type CpuTimes, readCpuTimes } from "./process_sample.ts";

export interface HostReading {
  /** Share of the CPU that we may use that was busy since the last reading, 0..1. */
  cpuRatio: number | null;
  /** Cores that we may use; a fraction when a control group says so. */
  cpuCores: number;
  memoryTotalBytes: number | null;
  /** What can be taken without swapping and without reaching a limit. */
  memoryAvailableBytes: number | null;
  /** 1 - available / total. */
  memoryRatio: number | null;
  /** Processes and threads of the tightest control group that limits them. */
  processes: { used: number; limit: number } | null;
  /** Descriptors of the control plane's own process. */
  openFiles: { used: number; limit: number | null } | null;
}

export interface CpuUse {
  atMs: number;
  machine: CpuTimes;
  /** CPU time of our control group; null without one. */
  groupUsedMs: number | null;
}

/**
 * Share of the usable CPU that was busy between two looks: of the machine, since others' load slows us too, or of our
 * group's quota, whichever is higher.
 */
export function usedCpuRatio(before: CpuUse, after: CpuUse, limitCores: number | null): number | null {
  const ofMachine = cpuRatio(before.machine, after.machine);
  const elapsedMs = after.atMs - before.atMs;
  if (limitCores === null || before.groupUsedMs === null || after.groupUsedMs === null || elapsedMs <= 0) {
    return ofMachine;
  }
  const ofQuota = (after.groupUsedMs - before.groupUsedMs) / (elapsedMs * limitCores);
  return Math.min(1, Math.max(0, ofQuota, ofMachine ?? 0));
}

/** Texts as in /proc/meminfo. Null when it does not say. */
export function parseMeminfo(text: string): { totalBytes: number; availableBytes: number } | null {
  const kilobytes = (name: string) => new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  const [total, available] = [kilobytes("MemTotal"), kilobytes("MemAvailable")];
  return total === undefined || available === undefined
    ? null
    : { totalBytes: Number(total) * 1024, availableBytes: Number(available) * 1024 };
}

/** The soft limit of open files in a text as of /proc/self/limits; null when there is none. */
export function parseOpenFilesLimit(text: string): number | null {
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? null : Number(soft);
}

/** Keeps what a difference needs from one reading to the next. One reader per use. */
export class HostReader {
  #cpu: CpuUse = { atMs: performance.now(), machine: readCpuTimes(), groupUsedMs: null };
  #layout: CgroupLayout | null = null;
  #openFilesLimit: number | null | undefined;

  async read(): Promise<HostReading> {
    this.#layout ??= await readLayout();
    const levels = await readLevels(this.#layout);
    const cpuLimitCores = least(levels.cpu.map(({ cpuLimitCores }) => cpuLimitCores ?? null));
    const cpu = {
      atMs: performance.now(),
      machine: readCpuTimes(),
      groupUsedMs: levels.cpuacct[0]?.cpuUsedMs ?? null,
    };
    const before = this.#cpu;
    this.#cpu = cpu;
    const memory = await readMemory(levels.memory);
    const processes = tightest(levels.pids, ({ processLimit }) => processLimit, ({ processCount }) => processCount);
    return {
      cpuRatio: usedCpuRatio(before, cpu, cpuLimitCores),
      cpuCores: Math.min(availableParallelism(), cpuLimitCores ?? Infinity),
      ...memory,
      processes,
      openFiles: await this.#readOpenFiles(),
    };
  }

  async #readOpenFiles(): Promise<HostReading["openFiles"]> {
    const used = await countEntries("/proc/self/fd");
    if (used === null) return null;
    if (this.#openFilesLimit === undefined) {
      this.#openFilesLimit = parseOpenFilesLimit(await readText("/proc/self/limits") ?? "");
    }
    return { used, limit: this.#openFilesLimit };
  }
}

async function readLayout(): Promise<CgroupLayout> {
  const [membership, mountinfo] = await Promise.all([readText("/proc/self/cgroup"), readText("/proc/self/mountinfo")]);
  return cgroupLayout(membership ?? "", mountinfo ?? "");
}

async function readLevels(layout: CgroupLayout): Promise<Record<CgroupController, CgroupLevel[]>> {
  const found = await Promise.all(
    CGROUP_CONTROLLERS.map(async (controller) => [controller, await readController(controller, layout[controller])]),
  );
  return Object.fromEntries(found) as Record<CgroupController, CgroupLevel[]>;
}

/** Ours first. Of the used CPU time only our own level is of interest. */
async function readController(
  controller: CgroupController,
  { version, folders }: CgroupFolders = { version: 2, folders: [] },
): Promise<CgroupLevel[]> {
  const wanted = controller === "cpuacct" ? folders.slice(0, 1) : folders;
  return await Promise.all(wanted.map(async (folder) => {
    const names = cgroupFiles(controller, version);
    const texts = new Map(
      await Promise.all(names.map(async (name) => [name, await readText(`${folder}/${name}`)] as const)),
    );
    return readLevel(controller, version, (name) => texts.get(name) ?? null);
  }));
}

async function readMemory(levels: readonly CgroupLevel[]) {
  const machine = parseMeminfo(await readText("/proc/meminfo") ?? "");
  const group = tightest(
    levels,
    ({ memoryLimitBytes }) => memoryLimitBytes,
    ({ memoryUsedBytes }) => memoryUsedBytes,
  );
  const memoryTotalBytes = least([machine?.totalBytes ?? null, group?.limit ?? null]);
  const memoryAvailableBytes = least([
    machine?.availableBytes ?? null,
    group === null ? null : Math.max(0, group.limit - group.used),
  ]);
  const memoryRatio = memoryTotalBytes === null || memoryAvailableBytes === null || memoryTotalBytes === 0
    ? null
    : Math.min(1, Math.max(0, 1 - memoryAvailableBytes / memoryTotalBytes));
  return { memoryTotalBytes, memoryAvailableBytes, memoryRatio };
}

function least(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** Null when there is no such file, or it may not be read: then nothing is known, which is no failure. */
async function readText(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return null;
  }
}

async function countEntries(folder: string): Promise<number | null> {
  try {
    let count = 0;
    for await (const _ of Deno.readDir(folder)) count += 1;
    return count;
  } catch {
    return null;
  }
}
