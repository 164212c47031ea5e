/**
 * Directories of tests, and the cluster that a whole run of tests shares: initdb and the migrations take a processor for
 * two seconds, a hundred times in a run. tests/run.ts makes it once and names it in GREENROOM_TEST_CLUSTER; every server
 * and program of a test then begins with a copy. A file that is run by itself, and a benchmark, makes its own.
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";

const VARIABLE = "GREENROOM_TEST_CLUSTER";
const MEMORY_DISK = "/dev/shm";
const MEMORY_DISK_MIN_BYTES = 2 * 1024 ** 3;
/** What an instance that was stopped left of its database, and the lock by which it knows the directory as its own. */
const COPIED = ["lock", "postgres-password", "postgres/cluster"];

/**
 * A temporary directory; on a disk in memory when there is one with room for some hundred databases, because creating a
 * database is mostly creating files.
 */
export async function makeTestDir(prefix = "greenroom-test-"): Promise<string> {
  const disk = await statfs(MEMORY_DISK).catch(() => null);
  const roomy = disk !== null && disk.bavail * disk.bsize >= MEMORY_DISK_MIN_BYTES;
  return await Deno.makeTempDir({ prefix, ...(roomy ? { dir: MEMORY_DISK } : {}) });
}

/** Whether this run has a cluster to copy. */
export function hasClusterOfRun(): boolean {
  return Deno.env.get(VARIABLE) !== undefined;
}

/** Gives the empty directory `dataDir` a database; false when this run has none to copy. */
export async function copyClusterOfRun(dataDir: string): Promise<boolean> {
  const source = Deno.env.get(VARIABLE);
  if (source === undefined) return false;
  await Deno.mkdir(join(dataDir, "postgres"), { mode: 0o700 });
  for (const name of COPIED) {
    // Keeps modes and owners: PostgreSQL refuses others, and as root it runs as another user.
    const args = ["-a", join(source, name), join(dataDir, name)];
    const { success, stderr } = await new Deno.Command("cp", { args }).output();
    if (!success) throw new Error(`Cannot copy the run's cluster: ${new TextDecoder().decode(stderr).trim()}`);
  }
  return true;
}

/** The environment of tests that copy the cluster in this data directory; no server may run on it. */
export function clusterEnv(dataDir: string): Record<string, string> {
  return { [VARIABLE]: dataDir };
}
