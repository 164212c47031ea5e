/**
 * What the control groups of this process allow and use: CPU, memory, processes. Knows version 1 and 2 and their mixture.
 * Pure: it is given the texts of the files, so that each layout can be tested anywhere.
 *
 * Sources: the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2; proc(5) for mountinfo. A limit holds for all
 * groups below it, so every level from ours up to the mount's root is looked at, and the tightest one counts.
 */

export const CGROUP_CONTROLLERS = ["cpu", "cpuacct", "memory", "pids"] as const;
export type CgroupController = typeof CGROUP_CONTROLLERS[number];

/** Folders of one controller, ours first, then its parents up to the mount's root. */
export interface CgroupFolders {
  version: 1 | 2;
  folders: string[];
}

export type CgroupLayout = Partial<Record<CgroupController, CgroupFolders>>;

/** One level of one controller; null: no limit, or not known. */
export interface CgroupLevel {
  /** Cores that may be used, e.g. 1.5. */
  cpuLimitCores?: number | null;
  /** CPU time used so far. */
  cpuUsedMs?: number | null;
  memoryLimitBytes?: number | null;
  /** Used memory without the file cache that the kernel can drop at once. */
  memoryUsedBytes?: number | null;
  processLimit?: number | null;
  processCount?: number | null;
}

/** Text of a file in a level's folder; null when it is not there. */
export type ReadCgroupFile = (name: string) => string | null;

/** More levels than any real system nests. */
const MAX_LEVELS = 32;
/** Version 1 says "no limit" by the largest number of whole pages. */
const NO_LIMIT_V1_BYTES = 2 ** 62;

/** @param membership text of /proc/self/cgroup. @param mountinfo text of /proc/self/mountinfo. */
export function cgroupLayout(membership: string, mountinfo: string): CgroupLayout {
  const groups = parseMembership(membership);
  const mounts = parseMounts(mountinfo);
  const layout: CgroupLayout = {};
  for (const controller of CGROUP_CONTROLLERS) {
    const group = groups.find(({ controllers }) => controllers.includes(controller));
    const mount = group && mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller));
    if (group && mount) layout[controller] = { version: 1, folders: levelsOf(mount, group.path) };
    else {
      const unified = groups.find(({ id }) => id === "0");
      const mount = mounts.find(({ type }) => type === "cgroup2");
      if (unified && mount) layout[controller] = { version: 2, folders: levelsOf(mount, unified.path) };
    }
  }
  return layout;
}

/** Names of the files of one level that `readLevel` asks for. */
export function cgroupFiles(controller: CgroupController, version: 1 | 2): readonly string[] {
  return FILES[version][controller];
}

const FILES: Record<1 | 2, Record<CgroupController, readonly string[]>> = {
  1: {
    cpu: ["cpu.cfs_quota_us", "cpu.cfs_period_us"],
    cpuacct: ["cpuacct.usage"],
    memory: ["memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"],
    pids: ["pids.max", "pids.current"],
  },
  2: {
    cpu: ["cpu.max"],
    cpuacct: ["cpu.stat"],
    memory: ["memory.max", "memory.current", "memory.stat"],
    pids: ["pids.max", "pids.current"],
  },
};

export function readLevel(controller: CgroupController, version: 1 | 2, read: ReadCgroupFile): CgroupLevel {
  switch (controller) {
    case "cpu":
      return { cpuLimitCores: version === 1 ? quotaOf(read) : maxOf(read) };
    case "cpuacct":
      return { cpuUsedMs: cpuUsedMs(version, read) };
    case "memory":
      return memoryLevel(version, read);
    case "pids":
      return { processLimit: number(read("pids.max")), processCount: number(read("pids.current")) };
  }
}

/** The level that leaves least of something that is both limited and used; null when none is limited. */
export function tightest<Level>(
  levels: readonly Level[],
  limitOf: (level: Level) => number | null | undefined,
  usedOf: (level: Level) => number | null | undefined,
): { limit: number; used: number } | null {
  let found: { limit: number; used: number } | null = null;
  for (const level of levels) {
    const [limit, used] = [limitOf(level) ?? null, usedOf(level) ?? null];
    if (limit === null || used === null) continue;
    if (found === null || limit - used < found.limit - found.used) found = { limit, used };
  }
  return found;
}

function quotaOf(read: ReadCgroupFile): number | null {
  const [quotaUs, periodUs] = [number(read("cpu.cfs_quota_us")), number(read("cpu.cfs_period_us"))];
  return quotaUs === null || periodUs === null || quotaUs <= 0 || periodUs <= 0 ? null : quotaUs / periodUs;
}

/** "max 100000", or quota and period in microseconds. */
function maxOf(read: ReadCgroupFile): number | null {
  const [quotaUs, periodUs] = (read("cpu.max") ?? "").trim().split(/\s+/).map(number);
  return !quotaUs || !periodUs ? null : quotaUs / periodUs;
}

function cpuUsedMs(version: 1 | 2, read: ReadCgroupFile): number | null {
  const used = version === 1 ? number(read("cpuacct.usage")) : statOf(read("cpu.stat"), "usage_usec");
  return used === null ? null : used / (version === 1 ? 1_000_000 : 1_000);
}

function memoryLevel(version: 1 | 2, read: ReadCgroupFile): CgroupLevel {
  const limit = number(read(version === 1 ? "memory.limit_in_bytes" : "memory.max"));
  const used = number(read(version === 1 ? "memory.usage_in_bytes" : "memory.current"));
  // Version 1 counts the group itself in plain keys and its whole subtree in total_ ones, as usage does.
  const cache = statOf(read("memory.stat"), version === 1 ? "total_inactive_file" : "inactive_file") ?? 0;
  return {
    memoryLimitBytes: limit === null || limit >= NO_LIMIT_V1_BYTES ? null : limit,
    memoryUsedBytes: used === null ? null : Math.max(0, used - cache),
  };
}

/** null for "max", for nothing, and for what is no number. */
function number(text: string | null | undefined): number | null {
  const trimmed = text?.trim() ?? "";
  return /^-?\d+$/.test(trimmed) ? Number(trimmed) : null;
}

function statOf(text: string | null, key: string): number | null {
  return number(new RegExp(`^${key} (\\d+)$`, "m").exec(text ?? "")?.[1]);
}

/** Lines "id:controllers:path"; version 2 has id 0 and no controllers. A path may hold colons. */
function parseMembership(text: string): { id: string; controllers: string[]; path: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, id, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    return id === undefined || controllers === undefined || path === undefined
      ? []
      : [{ id, controllers: controllers.split(","), path }];
  });
}

interface Mount {
  /** Which group is mounted here; "/" unless the mount shows a part of the hierarchy, as in a container. */
  root: string;
  at: string;
  type: string;
  options: string[];
}

/** Lines "id parent device root mountpoint options … - type source superOptions"; octal escapes for white space. */
function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, at] = before.split(" ");
    const [type = "", , options = ""] = after.split(" ");
    if (root === undefined || at === undefined || !type.startsWith("cgroup")) return [];
    return [{ root: unescape(root), at: unescape(at), type, options: options.split(",") }];
  });
}

function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** A mount that shows only part of the hierarchy shows our group at its place below that part, or at its root. */
function levelsOf({ root, at }: Mount, path: string): string[] {
  const below = root === "/" ? path : path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : "/";
  const names = below.split("/").filter((name) => name !== "" && name !== "..").slice(0, MAX_LEVELS);
  const base = at === "/" ? "" : at;
  return Array.from({ length: names.length + 1 }, (_, up) => [base, ...names.slice(0, names.length - up)].join("/"));
}
