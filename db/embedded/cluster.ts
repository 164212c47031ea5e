/**
 * The cluster's files. `cluster/` is either absent or complete: initdb works in `init-<random>/`, which is renamed when it
 * has succeeded, so a start that was cut off leaves only rubbish, which the next one clears away.
 */
import { join } from "node:path";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { DatabaseError } from "../database_error.ts";
import { explainOutput } from "./failure.ts";
import { startGuarded } from "./guard.ts";
import { giveTo, type RunAs } from "./run_as.ts";

export const SUPERUSER = "greenroom";
const INIT_PREFIX = "init-";

/** Whether there is a cluster. Throws `incompatible_cluster` when another major version made it. */
export async function hasCluster(home: string, majorVersion: number): Promise<boolean> {
  const cluster = join(home, "cluster");
  let text: string;
  try {
    text = await readFile(join(cluster, "PG_VERSION"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const found = Number.parseInt(text, 10);
  if (found === majorVersion) return true;
  throw new DatabaseError({
    code: "incompatible_cluster",
    message: `The database in ${cluster} was made by PostgreSQL ${text.trim()}; this program brings ${majorVersion}.`,
    remedy: `Run the Greenroom that made it, or a PostgreSQL ${text.trim()} of your own on it and DATABASE_URL; ` +
      `or move ${cluster} away to begin with an empty database.`,
  });
}

export interface CreateClusterOptions {
  home: string;
  nativeDir: string;
  env: Record<string, string>;
  runAs: RunAs | null;
  /** Of the superuser; reaches initdb in a mode-600 file. */
  password: string;
  /** False in tests only: a power cut soon after would lose the cluster. */
  durable: boolean;
}

/** Creates the cluster (about 0.6 s). Throws DatabaseError; aborting `signal` ends initdb. */
export async function createCluster(options: CreateClusterOptions, signal: AbortSignal): Promise<void> {
  const { home, nativeDir, env, runAs, password, durable } = options;
  await clearUnfinished(home);
  const work = join(home, `${INIT_PREFIX}${crypto.randomUUID().slice(0, 8)}`);
  await mkdir(work, { mode: 0o700 });
  try {
    const passwordFile = join(work, "password");
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await giveTo(work, runAs);
    const args = ["-D", join(work, "cluster"), "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--no-instructions"];
    args.push("-A", "scram-sha-256", `--pwfile=${passwordFile}`, ...(durable ? [] : ["--no-sync"]));
    await runInitdb(join(nativeDir, "bin", "initdb"), args, { runAs, env }, signal);
    await rename(join(work, "cluster"), join(home, "cluster"));
    await syncDirectory(home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runInitdb(
  program: string,
  args: string[],
  options: { runAs: RunAs | null; env: Record<string, string> },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const initdb = startGuarded(program, args, options);
  const stop = () => void initdb.abandon();
  signal.addEventListener("abort", stop, { once: true });
  const { code } = await initdb.exited;
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (code !== 0) throw explainOutput("The database cannot be created", initdb.lastLines);
}

async function clearUnfinished(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    // A killed initdb may still be at work for some milliseconds.
    if (name.startsWith(INIT_PREFIX)) await rm(join(home, name), { recursive: true, force: true, maxRetries: 10 });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
