/**
 * A real livekit-server for tests, on free loopback ports with keys of its own. The program is GREENROOM_LIVEKIT_SERVER,
 * or `livekit-server` on PATH, or one in the cache that all runs share, where it is built when it is missing (Go needed,
 * some minutes, once). The cache is GREENROOM_TEST_CACHE, else `greenroom` in the user's cache directory.
 */
import { join } from "node:path";
import { createLogger, type Logger } from "../../core/lifecycle/logger.ts";
import { LocalLivekitServer } from "../../core/livekit/local_server.ts";
import { createServerApi, type ServerApi } from "../../core/livekit/server_api.ts";

const BUILD_TIMEOUT_MS = 900_000;
const MAX_LINES = 20_000;

export interface TestLivekit {
  /** ws://127.0.0.1:<port> */
  readonly url: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly api: ServerApi;
  /** What the server has written so far: JSON lines, at most the last 20,000. */
  readonly lines: readonly string[];
  readonly pid: number;
  /** Kills the server with SIGKILL; it stays down until `restart`. */
  kill(): Promise<void>;
  /** Kills the server if it is up, and starts it again with the same ports and keys. */
  restart(): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface TestLivekitOptions {
  webhookUrl?: string;
  /** Told about a build and about failures; by default those at "warn" and above go to the console, and a build's. */
  logger?: Logger;
}

/** The settings of `LocalLivekitServer` that find the shared program. */
export function testServerProgram(): { serverPath: string | null; cacheDir: string; buildTimeoutMs: number } {
  const userCache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? Deno.cwd(), ".cache");
  const cacheDir = join(Deno.env.get("GREENROOM_TEST_CACHE") ?? join(userCache, "greenroom"), "livekit");
  return { serverPath: Deno.env.get("GREENROOM_LIVEKIT_SERVER") ?? null, cacheDir, buildTimeoutMs: BUILD_TIMEOUT_MS };
}

export async function startTestLivekit(
  { webhookUrl, logger = buildLogger() }: TestLivekitOptions = {},
): Promise<TestLivekit> {
  const dataDir = await Deno.makeTempDir({ prefix: "greenroom-livekit-" });
  const credentials = { apiKey: "testkey", apiSecret: crypto.randomUUID() + crypto.randomUUID() };
  const lines: string[] = [];
  const server = new LocalLivekitServer({
    ...testServerProgram(),
    ...credentials,
    dataDir,
    preferredPort: null,
    webhookUrl: () => webhookUrl ?? null,
    logger,
    onLine: (line) => {
      lines.push(line);
      if (lines.length > MAX_LINES) lines.shift();
    },
  });
  const controller = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const up = async () => {
    await server.start(controller.signal);
    running = server.run(controller.signal).catch(() => {}); // its death is what `kill` asked for
  };
  const kill = async () => {
    const { pid } = server.snapshot();
    if (pid !== null) Deno.kill(pid, "SIGKILL");
    await running;
  };
  const stop = async () => {
    controller.abort();
    await running;
    await Deno.remove(dataDir, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  };
  await up();
  return {
    ...credentials,
    url: server.url,
    api: createServerApi({ url: server.url, ...credentials, timeoutMs: 10_000 }),
    lines,
    get pid() {
      return server.snapshot().pid ?? -1;
    },
    kill,
    restart: async () => {
      await kill();
      await up();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Quiet, but a first build takes minutes and must be seen. */
function buildLogger(): Logger {
  const loud = createLogger({ level: "info", format: "text" });
  return createLogger({
    level: "info",
    format: "text",
    write: (line, level) => {
      if (level !== "info" || line.includes("buil")) loud[level === "info" ? "info" : "warn"](line);
    },
  });
}
