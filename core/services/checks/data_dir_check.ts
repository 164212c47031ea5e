/** The data directory: can it be used, is there room on its disk, and does a running instance hold it. */
import { access, constants, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { DataDirError, openDataDir } from "../../lifecycle/data_dir.ts";
import { type CheckResult, failed, failedBy, formatBytes, ok, warned } from "./check.ts";

export interface DataDirFindings {
  results: CheckResult[];
  /** The running process that holds the directory, in words; null when it is free. */
  holder: string | null;
}

const NAME = "data directory";
const DISK = "disk";
/** The database, the LiveKit build (1.5 GiB while it runs) and logs need room; below the second one Postgres may stop. */
const LOW_DISK_BYTES = 2 * 1024 ** 3;
const LEAST_DISK_BYTES = 256 * 1024 ** 2;

/** `isOurs`: the running program that asks holds it. */
export async function checkDataDir(path: string, { isOurs = false } = {}): Promise<DataDirFindings> {
  const { result, holder } = isOurs
    ? { result: ok(NAME, `${path} is held by this instance`), holder: null }
    : await checkDirectory(path);
  return { results: [result, await checkDisk(path)], holder };
}

async function checkDirectory(path: string): Promise<{ result: CheckResult; holder: string | null }> {
  const there = await nearestThere(path);
  if (there !== path) return { result: await checkParent(path, there), holder: null };
  try {
    (await openDataDir(path)).close();
    return { result: ok(NAME, `${path} is writable and free`), holder: null };
  } catch (error) {
    if (!(error instanceof DataDirError) || error.code !== "in_use") {
      return { result: failedBy(NAME, error, "Check GREENROOM_DATA_DIR."), holder: null };
    }
    const holder = /by (.+)\.$/.exec(error.message)?.[1] ?? "another process";
    return { result: ok(NAME, `${path} is held by ${holder}`), holder };
  }
}

/** Not made here: a doctor run by root would make it root's. */
async function checkParent(path: string, parent: string): Promise<CheckResult> {
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    if ((await Deno.stat(parent)).isDirectory) return ok(NAME, `${path} will be created at the first start`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "EACCES" && code !== "EROFS" && code !== "EPERM") throw error;
  }
  return failed(
    NAME,
    `${path} can't be created: ${parent} is not a directory that this user can write`,
    "Create it for this user (mkdir, chown), or set GREENROOM_DATA_DIR to another path.",
  );
}

async function checkDisk(path: string): Promise<CheckResult> {
  const { bavail, bsize } = await statfs(await nearestThere(path));
  return judgeDisk(bavail * bsize);
}

/** @param freeBytes what this user may still write. */
export function judgeDisk(freeBytes: number): CheckResult {
  const free = `${formatBytes(freeBytes)} free`;
  const remedy = "Free some space, or set GREENROOM_DATA_DIR to a directory on another disk.";
  if (freeBytes < LEAST_DISK_BYTES) return failed(DISK, `only ${free}; the database may stop at any time`, remedy);
  if (freeBytes < LOW_DISK_BYTES) return warned(DISK, `only ${free}`, remedy);
  return ok(DISK, free);
}

/** The path itself, or the nearest thing above it that exists. */
async function nearestThere(path: string): Promise<string> {
  for (let each = path;; each = dirname(each)) {
    const isThere = await Deno.stat(each).then(() => true, (error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
      return true; // there, but not ours to look at: opening it will say why
    });
    if (isThere || each === dirname(each)) return each;
  }
}
