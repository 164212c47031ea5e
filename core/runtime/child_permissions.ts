/**
 * What an agent's child may do. It runs user code, so it gets the network, the system calls and native library that
 * rtc-node needs, read access to the project and the agents, and nothing else: no program, no write, no download, no
 * secret of ours. (For the channel to its parent it starts with the right to one socket, and gives that up once connected,
 * before it loads the agent.) `--deny-read` beats `--allow-read`, so the data directory stays closed wherever it lies.
 */
import { join } from "node:path";
import type { AgentDescriptor } from "../agent/descriptor.ts";

export type OsPermissions = AgentDescriptor["osPermissions"];

/** Folders that decide what a child may read; all absolute. */
export interface ChildFolders {
  projectDir: string;
  agentsDir: string;
  dataDir: string;
}

export interface ChildLimits {
  /** Where the child reaches its parent. Deno asks for all three of net, read and write there. */
  socketPath: string;
  /** Of V8's old generation; 0: V8's own choice. */
  heapLimitMb: number;
}

/** What a child gets before its agent has said what it needs: the host that reads the descriptor. */
export const DEFAULT_OS_PERMISSIONS: OsPermissions = { net: true, env: [], read: [] };

/** Gives the value of an environment variable of this process. */
export type ReadEnv = (name: string) => string | undefined;

/** Priming (stack.md 4) connects to a loopback listener inside the child, whatever else it may reach. */
const LOOPBACK = ["127.0.0.1", "localhost"];
/** Ours and the runtime's: an agent that lists them does not get them. */
const WITHHELD = /^(LIVEKIT_|GREENROOM_|DATABASE_|PG|DENO_|NODE_|LD_|DYLD_)/;
const NEW_SPACE_MB = 1;
/** Deno splits list flags at commas. */
const UNLISTABLE = /,/;

/**
 * The arguments of `deno` in front of the entry point. Throws when a folder's name can't be said in a flag.
 */
export function childFlags(
  folders: ChildFolders,
  os: OsPermissions,
  { socketPath, heapLimitMb }: ChildLimits,
): string[] {
  const { projectDir, agentsDir, dataDir } = folders;
  const readable = [projectDir, agentsDir, ...os.read, socketPath];
  const unreadable = [dataDir, join(projectDir, ".env")];
  for (const path of [...readable, ...unreadable]) {
    if (UNLISTABLE.test(path)) throw new Error(`Cannot start children: the path ${path} contains a comma`);
  }
  return [
    "run",
    netFlag(os.net, socketPath),
    "--allow-sys",
    // All of it, because packages probe variables and a refusal throws; the environment itself is the limit (childEnv).
    "--allow-env",
    `--allow-read=${readable.join(",")}`,
    `--allow-write=${socketPath}`,
    `--deny-read=${unreadable.join(",")}`,
    `--allow-ffi=${join(projectDir, "node_modules")}`,
    `--v8-flags=${v8Flags(heapLimitMb).join(",")}`,
    "--no-prompt",
    // Without these an agent that imports an unlisted package would download it and rewrite the lock file.
    "--cached-only",
    "--frozen",
    // What is installed is installed: checking that again at each start costs some 20 ms of CPU.
    "--node-modules-dir=manual",
    // Agents outside the project import "greenroom" and packages by the project's import map.
    "--config",
    join(projectDir, "deno.json"),
  ];
}

/**
 * Only flags that V8 does not count: its code cache is good for one set of them, and Deno keeps one cache for all its
 * processes. With another set than the control plane's (`--expose-gc`, say) each undid the other's, and a child that came
 * after took 350 instead of 200 ms of CPU to load.
 *
 * - max-semi-space-size, of V8's space for new objects: left to itself it grows to 16 MB and never shrinks. Measured:
 *   2 MB less when idle, 40 less for code that does nothing but make new objects, at 5 % more CPU for that code.
 */
function v8Flags(heapLimitMb: number): string[] {
  const limit = heapLimitMb === 0 ? [] : [`--max-old-space-size=${heapLimitMb}`];
  return [`--max-semi-space-size=${NEW_SPACE_MB}`, ...limit];
}

/** @returns the environment, and the listed names that were withheld because they are not an agent's to read. */
export function childEnv(
  readEnv: ReadEnv,
  listed: readonly string[],
): { env: Record<string, string>; withheld: string[] } {
  const env: Record<string, string> = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const withheld = listed.filter((name) => WITHHELD.test(name));
  for (const name of ["PATH", "HOME", ...listed]) {
    const value = readEnv(name);
    if (value !== undefined && !withheld.includes(name)) env[name] = value;
  }
  const denoDir = denoDirOf(readEnv);
  if (denoDir !== null) env.DENO_DIR = denoDir;
  return { env, withheld };
}

/** Deno derives its cache from variables that the child does not get, so it is derived here; null leaves it to Deno. */
function denoDirOf(readEnv: ReadEnv): string | null {
  const [given, cacheHome, home] = [readEnv("DENO_DIR"), readEnv("XDG_CACHE_HOME"), readEnv("HOME")];
  if (given) return given;
  if (Deno.build.os === "darwin") return home ? join(home, "Library", "Caches", "deno") : null;
  if (cacheHome) return join(cacheHome, "deno");
  return home ? join(home, ".cache", "deno") : null;
}

function netFlag(net: OsPermissions["net"], socketPath: string): string {
  if (net === true) return "--allow-net";
  return `--allow-net=${[...LOOPBACK, `unix:${socketPath}`, ...(net === false ? [] : net)].join(",")}`;
}
