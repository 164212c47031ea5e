/**
 * The data directory: what one instance keeps on disk (database, secrets, spool, caches).
 *
 * Lock: `lock` is held by an exclusive flock for as long as the process lives; the kernel frees it the moment the
 * process is gone, kill -9 included, so there is no stale lock to clean up. The file's text (pid, since) only serves the
 * message that a second start prints; the lock alone decides.
 *
 * Instance id: `instance` names the last instance that owned this directory. It is read at open and replaced only by
 * `recordInstance`, which the new owner calls after it has taken over its predecessor's work: a crash in between loses
 * nothing, because the next start still sees the older id.
 */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const LOCK_FILE = "lock";
const INSTANCE_FILE = "instance";
const MAX_LOCK_TEXT_BYTES = 1_024;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/i;

/** What is wrong with the data directory, and what to do about it. */
export class DataDirError extends Error {
  override readonly name = "DataDirError";
  constructor(
    readonly code: "in_use" | "not_writable" | "not_a_directory" | "disk_full" | "unusable",
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface DataDir {
  /** Absolute path. */
  readonly path: string;
  /** The last instance that owned this directory, null on a first start. */
  readonly previousInstanceId: string | null;
  /** Makes `id` the one that the next owner sees; call it when the previous instance's work has been taken over. */
  recordInstance(id: string): Promise<void>;
  /** The text of the mode-600 file `name`; made by `make` and stored when there is none yet. */
  secret(name: string, make: () => string): Promise<string>;
  /** Absolute path of the directory `name`, created (mode 700) when missing. */
  subdir(name: string): Promise<string>;
  /** Releases the lock. Nothing may use the directory afterwards. */
  close(): void;
}

/** Creates the directory (mode 700) when missing, and locks it. Throws DataDirError, also when it is in use. */
export async function openDataDir(path: string): Promise<DataDir> {
  const root = resolve(path);
  await explained(root, () => makeDirectory(root));
  const lock = await explained(root, () => acquireLock(root));
  try {
    return new LockedDataDir(root, lock, await explained(root, () => readIfThere(join(root, INSTANCE_FILE))));
  } catch (error) {
    lock.close();
    throw error;
  }
}

class LockedDataDir implements DataDir {
  #lock: Deno.FsFile | null;

  constructor(readonly path: string, lock: Deno.FsFile, readonly previousInstanceId: string | null) {
    this.#lock = lock;
  }

  recordInstance(id: string): Promise<void> {
    return explained(this.path, () => writeAtomically(join(this.path, INSTANCE_FILE), id));
  }

  secret(name: string, make: () => string): Promise<string> {
    return explained(this.path, async () => {
      const file = join(this.path, checkedName(name));
      const kept = await readIfThere(file);
      if (kept !== null) {
        await Deno.chmod(file, 0o600);
        return kept;
      }
      const made = make();
      await writeAtomically(file, made);
      return made;
    });
  }

  subdir(name: string): Promise<string> {
    return explained(this.path, async () => {
      const directory = join(this.path, checkedName(name));
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return directory;
    });
  }

  close(): void {
    this.#lock?.close();
    this.#lock = null;
  }
}

/**
 * Others must not read what lies here. Group search (010) stays when it was set: a control plane that runs as root lets
 * its unprivileged Postgres pass through. A directory with other things in it is not ours to close: it may be /tmp.
 */
async function makeDirectory(root: string): Promise<void> {
  await mkdir(dirname(root), { recursive: true });
  await mkdir(root, { recursive: true, mode: 0o700 });
  const names = await readdir(root);
  if (names.length > 0 && !names.includes(LOCK_FILE)) return;
  const { mode, uid } = await Deno.stat(root);
  if (mode === null || uid !== Deno.uid()) return;
  if ((mode & 0o777 & ~0o710) !== 0) await Deno.chmod(root, mode & 0o710);
}

async function acquireLock(root: string): Promise<Deno.FsFile> {
  const file = await Deno.open(join(root, LOCK_FILE), { read: true, write: true, create: true, mode: 0o600 });
  try {
    if (!await file.tryLock(true)) throw inUse(root, await readHolder(file));
    const holder = new TextEncoder().encode(JSON.stringify({ pid: Deno.pid, since: new Date().toISOString() }) + "\n");
    await file.truncate(0);
    await file.write(holder);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

async function readHolder(file: Deno.FsFile): Promise<string> {
  const buffer = new Uint8Array(MAX_LOCK_TEXT_BYTES);
  const length = await file.read(buffer);
  const text = new TextDecoder().decode(buffer.subarray(0, length ?? 0));
  const match = /^\{"pid":(\d+),"since":"([0-9TZ:.-]+)"\}/.exec(text);
  return match === null ? "another process" : `process ${match[1]}, running since ${match[2]}`;
}

function inUse(root: string, holder: string): DataDirError {
  return new DataDirError(
    "in_use",
    `The data directory ${root} is in use by ${holder}.`,
    "Stop that Greenroom first, or give this one its own directory by GREENROOM_DATA_DIR.",
  );
}

function checkedName(name: string): string {
  if (!NAME.test(name) || name === LOCK_FILE || name === INSTANCE_FILE) {
    throw new TypeError(`Cannot use "${name}" as a name in the data directory`);
  }
  return name;
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    const text = (await readFile(file, "utf8")).trim();
    return text === "" ? null : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A reader sees the whole text or none, also after a power cut: written aside, synced, then renamed. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const aside = `${file}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const handle = await open(aside, "wx", 0o600);
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

async function explained<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainDataDirError(root, error);
  }
}

/** Turns what the operating system says about `root` into a DataDirError; passes everything else through. */
export function explainDataDirError(root: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (!(error instanceof Error) || typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new DataDirError(
        "disk_full",
        `The disk (or quota) that holds the data directory ${root} is full.`,
        "Free some space, or set GREENROOM_DATA_DIR to a directory on another disk.",
        { cause: error },
      );
    case "EEXIST":
    case "ENOTDIR":
    case "EISDIR":
      return new DataDirError(
        "not_a_directory",
        `The data directory ${root} cannot be created: a file is in its place or on the way to it.`,
        "Move that file away, or set GREENROOM_DATA_DIR to another path.",
        { cause: error },
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new DataDirError(
        "not_writable",
        `The data directory ${root} is not writable for this user (uid ${Deno.uid() ?? "unknown"}).`,
        "Give this user the directory (chown), or set GREENROOM_DATA_DIR to one that it can write.",
        { cause: error },
      );
    default:
      return new DataDirError(
        "unusable",
        `The data directory ${root} cannot be used: ${error.message}`,
        "Check the path and the disk, or set GREENROOM_DATA_DIR to another directory.",
        { cause: error },
      );
  }
}
