/**
 * A server that an earlier process left on the cluster. We hold the data directory's lock, so no living Greenroom owns it:
 * it is on its way out (its guard stops it), or it lost its guard. PostgreSQL itself only looks whether the pid in
 * postmaster.pid is alive, which a zombie or an unrelated process that got the same pid (a restarted container) fools;
 * here the truth is whether any process has the cluster as its working directory, as each of PostgreSQL's has.
 */
import { readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

const LOOK_EVERY_MS = 25;

/**
 * Waits until no process works in the cluster (SIGINT at once, SIGKILL after half of `timeoutMs`), then removes its lock
 * file. Without /proc (macOS) it does nothing, and PostgreSQL's own check decides. Returns whether one was found; one
 * that stays is left to PostgreSQL's check too.
 */
export async function outlivePredecessor(cluster: string, timeoutMs: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const directory = await realpath(cluster);
  const startedAt = performance.now();
  let last: NodeJS.Signals | null = null;
  for (;;) {
    const pids = await processesIn(directory);
    if (pids.length === 0) break;
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs > timeoutMs) return true;
    const signal = elapsedMs > timeoutMs / 2 ? "SIGKILL" : "SIGINT";
    if (signal !== last) send(signal === "SIGINT" ? await postmasterOf(cluster, pids) : pids, signal);
    last = signal;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  await rm(join(cluster, "postmaster.pid"), { force: true });
  return last !== null;
}

/** SIGINT means "shut down" only to the postmaster; to a backend it means "cancel". */
async function postmasterOf(cluster: string, pids: number[]): Promise<number[]> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => "");
  return pids.filter((pid) => pid === Number.parseInt(text, 10));
}

function send(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // Gone meanwhile.
    }
  }
}

async function processesIn(directory: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => {
    // Processes of other users and those that end just now have no readable working directory.
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    return cwd === directory ? Number(pid) : null;
  }));
  return found.filter((pid) => pid !== null);
}
