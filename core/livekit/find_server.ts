/**
 * Finds a livekit-server program: the given path, else PATH, else the cache, else builds it once into the cache. The
 * cache holds one folder per version; a build happens beside it and is moved in by one rename, so that a half-built
 * program is never found and two processes may build at once.
 */
import { join } from "node:path";
import type { Logger } from "../lifecycle/logger.ts";
import { buildLivekitServer } from "./build_server.ts";

/** The version that is built, and that our knowledge of the protocol was measured on. */
export const LIVEKIT_SERVER_VERSION = "1.13.5";
/** Older ones lack explicit agent dispatch as we use it. */
const OLDEST_GOOD_VERSION = [1, 9] as const;
const VERSION_TIMEOUT_MS = 10_000;

export interface ServerProgram {
  path: string;
  /** "1.13.5"; null when the program did not say. */
  version: string | null;
  source: "setting" | "PATH" | "cache" | "built";
}

export interface FindServerOptions {
  /** GREENROOM_LIVEKIT_SERVER; when set, nothing else is tried. */
  serverPath: string | null;
  /** Where built servers are kept. */
  cacheDir: string;
  buildTimeoutMs: number;
  logger: Logger;
  signal?: AbortSignal;
  /** Added to the environment of what is run here (a test's PATH). */
  env?: Record<string, string>;
}

/** Nothing was found and nothing could be built; the message explains the three ways to get a server. */
export class LivekitServerNotFound extends Error {
  override name = "LivekitServerNotFound";

  constructor(reason: string) {
    super(
      `There is no LiveKit server to start: ${reason}. Do one of these:\n` +
        `  1. set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to use a server that you run;\n` +
        `  2. install livekit-server and put it on PATH, or set GREENROOM_LIVEKIT_SERVER to its path;\n` +
        `  3. install Go 1.26 or newer: Greenroom then builds livekit-server ${LIVEKIT_SERVER_VERSION} once.`,
    );
  }
}

export async function findLivekitServer(options: FindServerOptions): Promise<ServerProgram> {
  const program = await locate(options);
  const { logger } = options;
  logger.info("found a LiveKit server", { ...program });
  if (program.version !== null && isOlder(program.version, OLDEST_GOOD_VERSION)) {
    const oldest = OLDEST_GOOD_VERSION.join(".");
    logger.warn(`this LiveKit server is older than ${oldest}: dispatching agents may not work`, { ...program });
  }
  return program;
}

async function locate(options: FindServerOptions): Promise<ServerProgram> {
  const sight = await lookForServer(options);
  if (sight.kind === "found") return sight.program;
  const { go, target } = sight;
  const built = await buildLivekitServer({ ...options, go, version: LIVEKIT_SERVER_VERSION, target });
  if (!built.ok) throw new LivekitServerNotFound(built.reason);
  return { path: target, version: LIVEKIT_SERVER_VERSION, source: "built" };
}

/** What `findLivekitServer` would use: a program that is there, or one that Go would build into `target`. */
export type ServerSight = { kind: "found"; program: ServerProgram } | { kind: "buildable"; go: string; target: string };

/** Looks without building anything. Throws LivekitServerNotFound. */
export async function lookForServer(options: Omit<FindServerOptions, "buildTimeoutMs">): Promise<ServerSight> {
  const { serverPath, cacheDir, logger, env } = options;
  if (serverPath !== null) {
    const probe = await probeVersion(serverPath, env);
    if (!probe.ok) throw new LivekitServerNotFound(`GREENROOM_LIVEKIT_SERVER is ${serverPath}, but ${probe.reason}`);
    return { kind: "found", program: { path: serverPath, version: probe.version, source: "setting" } };
  }
  const cached = join(cacheDir, `v${LIVEKIT_SERVER_VERSION}`, "livekit-server");
  const places = [{ path: await lookUp("livekit-server", env), source: "PATH" }, {
    path: cached,
    source: "cache",
  }] as const;
  for (const { path, source } of places) {
    if (path === null || !await isFile(path)) continue;
    const probe = await probeVersion(path, env);
    if (probe.ok) return { kind: "found", program: { path, version: probe.version, source } };
    logger.warn("a LiveKit server was found but does not run", { path, source, reason: probe.reason });
  }
  const go = await lookUp("go", env);
  if (go === null) throw new LivekitServerNotFound("it is not on PATH, and Go, which could build it, is not either");
  return { kind: "buildable", go, target: cached };
}

/** The absolute path of a command on PATH, or null. Asks `sh`, so that it is what a shell would run. */
async function lookUp(name: string, env?: Record<string, string>): Promise<string | null> {
  const command = new Deno.Command("sh", {
    args: ["-c", 'command -v "$1"', "sh", name],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    ...(env && { env }),
  });
  const { success, stdout } = await command.output();
  const path = new TextDecoder().decode(stdout).trim();
  return success && path.startsWith("/") ? path : null;
}

type VersionProbe = { ok: true; version: string | null } | { ok: false; reason: string };

async function probeVersion(path: string, env?: Record<string, string>): Promise<VersionProbe> {
  try {
    const { success, code, stdout } = await new Deno.Command(path, {
      args: ["--version"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(VERSION_TIMEOUT_MS),
      ...(env && { env }),
    }).output();
    if (!success) return { ok: false, reason: `"--version" of it ended with code ${code}` };
    return { ok: true, version: parseVersion(new TextDecoder().decode(stdout)) };
  } catch (error) {
    return { ok: false, reason: `it can't be run: ${error instanceof Error ? error.message : error}` };
  }
}

/** "livekit-server version 1.13.5" → "1.13.5". */
export function parseVersion(output: string): string | null {
  return /\bversion v?(\d+\.\d+\.\d+\S*)/.exec(output)?.[1] ?? null;
}

export function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [theirMajor = 0, theirMinor = 0] = version.split(".").map(Number);
  return theirMajor < major || (theirMajor === major && theirMinor < minor);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
