/**
 * Where the cluster lives: `postgres/` in the data directory. Root cannot run PostgreSQL and uses another user, whom a
 * directory above (a home directory, a 0700 checkout) may shut out; then the cluster lives under a shared directory
 * instead, and the file `postgres-location` in the data directory says where, so that moving the data directory or
 * opening up the path later changes nothing.
 */
import { chmod, chown, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DataDir } from "../../core/lifecycle/data_dir.ts";
import type { Logger } from "../../core/lifecycle/logger.ts";
import { DatabaseError } from "../database_error.ts";
import { canEnter, chooseUser, giveTo, type RunAs } from "./run_as.ts";

export const LOCATION_FILE = "postgres-location";
/** In a home that lies elsewhere: whose it is. */
const OWNER_FILE = "data-directory";

export interface Home {
  /** Holds `cluster/`, `lib/` and `run/`. */
  path: string;
  runAs: RunAs | null;
}

/** Decides on and prepares the home directory and the user; moves an existing cluster when it has become unreachable. */
export async function prepareHome(dataDir: DataDir, sharedDir: string, logger: Logger): Promise<Home> {
  const recorded = await recordedHome(dataDir);
  const path = recorded ?? await dataDir.subdir("postgres");
  const runAs = await chooseUser(join(path, "cluster"));
  if (runAs === null) return { path, runAs };
  await letPass(path, runAs);
  if (await canEnter(path, runAs)) return { path, runAs };
  if (recorded === null) {
    await letPass(dataDir.path, runAs);
    if (await canEnter(path, runAs)) return { path, runAs };
  }
  return { path: await moveHome(dataDir, path, runAs, sharedDir, logger), runAs };
}

async function recordedHome(dataDir: DataDir): Promise<string | null> {
  const file = join(dataDir.path, LOCATION_FILE);
  const recorded = (await readFile(file, "utf8").catch(() => "")).trim();
  if (recorded === "") return null;
  if (await exists(recorded)) return recorded;
  throw new DatabaseError({
    code: "start_failed",
    message: `The database of ${dataDir.path} belongs in ${recorded}, which is gone.`,
    remedy: `Restore that directory, or delete ${file} to begin with an empty database.`,
  });
}

/**
 * Our directories are 0700: let the user's group pass through, and no more than that. They stay root's, so that whoever
 * else runs as that user cannot make root follow a link of theirs; only what PostgreSQL writes belongs to it.
 */
async function letPass(directory: string, runAs: RunAs): Promise<void> {
  const { uid } = await stat(directory);
  await chown(directory, uid, runAs.gid);
  await chmod(directory, 0o710);
}

async function moveHome(dataDir: DataDir, from: string, runAs: RunAs, sharedDir: string, logger: Logger) {
  const to = join(sharedDir, crypto.randomUUID());
  try {
    await mkdir(sharedDir, { recursive: true, mode: 0o755 });
    await pruneTemporary(sharedDir, logger);
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
    await writeFile(join(to, OWNER_FILE), `${dataDir.path}\n`, { mode: 0o600 });
    await letPass(to, runAs);
    for (const name of ["cluster", "run"]) if (await exists(join(to, name))) await giveTo(join(to, name), runAs);
    if (!await canEnter(to, runAs)) throw new Error(`uid ${runAs.uid} cannot reach ${to}`);
  } catch (cause) {
    await rm(to, { recursive: true, force: true });
    throw new DatabaseError({
      code: "not_writable",
      message: `The embedded PostgreSQL, which does not run as root, can use neither ${from} nor ${sharedDir} ` +
        `as uid ${runAs.uid}: ${(cause as Error).message}`,
      remedy: "Set GREENROOM_DATA_DIR to a directory that every user can pass through, start Greenroom as an " +
        "ordinary user, or set DATABASE_URL.",
    }, { cause });
  }
  const location = join(dataDir.path, LOCATION_FILE);
  await writeFile(`${location}.tmp`, `${to}\n`, { mode: 0o600 });
  await rename(`${location}.tmp`, location);
  await rm(from, { recursive: true, force: true });
  logger.info(`database: kept in ${to}, because uid ${runAs.uid} (not root) cannot pass through ${dataDir.path}`);
  return to;
}

/** Removes the homes of temporary data directories (tests) that are gone. Others stay: a missing one may have moved. */
async function pruneTemporary(sharedDir: string, logger: Logger): Promise<void> {
  for (const name of await readdir(sharedDir)) {
    const owner = (await readFile(join(sharedDir, name, OWNER_FILE), "utf8").catch(() => "")).trim();
    if (!owner.startsWith(`${tmpdir()}/`) || await exists(owner)) continue;
    await rm(join(sharedDir, name), { recursive: true, force: true });
    logger.info(`database: removed ${join(sharedDir, name)}, because ${owner} is gone`);
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
