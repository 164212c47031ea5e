/** As whom PostgreSQL runs: as ourselves, or, because it refuses to run as root, as an unprivileged user. */
import { chown, lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface RunAs {
  uid: number;
  gid: number;
}

const NOBODY: RunAs = { uid: 65_534, gid: 65_534 };

/**
 * Null when we are not root. As root: the owner of `clusterDir` when it exists (it may have been made by a user), else
 * nobody, who must have an entry in /etc/passwd ("could not look up effective user ID" otherwise).
 */
export async function chooseUser(clusterDir: string): Promise<RunAs | null> {
  if (Deno.uid() !== 0) return null;
  const owner = await lstat(clusterDir).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  return entry === null ? NOBODY : { uid: Number(entry[1]), gid: Number(entry[2]) };
}

/** Runs a program to its end as that user, from "/" and without our environment. */
export async function canRun(
  program: string,
  args: string[],
  runAs: RunAs | null,
  env: Record<string, string> = {},
): Promise<{ ok: true } | { ok: false; why: string }> {
  try {
    const { success, code, signal, stderr } = await new Deno.Command(program, {
      args,
      env,
      clearEnv: true,
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      ...runAs,
    }).output();
    if (success) return { ok: true };
    const said = new TextDecoder().decode(stderr).trim().slice(0, 300);
    return { ok: false, why: said === "" ? `${program} ended with ${signal ?? `code ${code}`}` : said };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}

/** Whether that user can pass through every directory down to `path` and through itself. */
export async function canEnter(path: string, runAs: RunAs): Promise<boolean> {
  return (await canRun("/bin/sh", ["-c", 'cd "$0"', path], runAs)).ok;
}

/** Gives `path` and all below it to that user; links stay as they are, because chown would follow them. */
export async function giveTo(path: string, runAs: RunAs | null): Promise<void> {
  if (runAs === null) return;
  const { uid, gid } = await lstat(path);
  if (uid !== runAs.uid || gid !== runAs.gid) await chown(path, runAs.uid, runAs.gid);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) await giveTo(below, runAs);
    else if (!entry.isSymbolicLink()) await chown(below, runAs.uid, runAs.gid);
  }
}
