/** Builds livekit-server with Go, says every few seconds that it goes on, and never leaves a compiler behind. */
import { dirname, join } from "node:path";
import type { Logger } from "../lifecycle/logger.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { OutputTail, spawnGuarded } from "./guarded_process.ts";

const PROGRESS_INTERVAL_MS = 10_000;

export interface BuildOptions {
  /** The go command. */
  go: string;
  version: string;
  /** Where the program shall lie. */
  target: string;
  buildTimeoutMs: number;
  logger: Logger;
  signal?: AbortSignal;
  env?: Record<string, string>;
}

export type BuildResult = { ok: true; elapsedMs: number } | { ok: false; reason: string };

/** Throws only when aborted or when the file system refuses. */
export async function buildLivekitServer(
  { go, version, target, buildTimeoutMs, logger, signal, env }: BuildOptions,
): Promise<BuildResult> {
  const startedAt = performance.now();
  const elapsedMs = () => Math.round(performance.now() - startedAt);
  const binDir = join(dirname(dirname(target)), `build-${uuidv7()}`);
  await Deno.mkdir(binDir, { recursive: true, mode: 0o700 });
  const tail = new OutputTail(15);
  let last = "starting";
  logger.info("building a LiveKit server: this happens once and takes some minutes", { version });
  const build = spawnGuarded({
    command: go,
    args: ["install", `github.com/livekit/livekit-server/cmd/server@v${version}`],
    // Without cgo no C compiler is needed; a workspace around the data directory must not matter.
    env: { ...env, GOBIN: binDir, CGO_ENABLED: "0", GOWORK: "off" },
    cwd: binDir,
    onLine: (line) => {
      last = line;
      tail.add(line);
    },
  });
  const progress = setInterval(
    () => logger.info("still building the LiveKit server", { elapsedS: Math.round(elapsedMs() / 1000), last }),
    PROGRESS_INTERVAL_MS,
  );
  const limit = AbortSignal.any([AbortSignal.timeout(buildTimeoutMs), ...(signal ? [signal] : [])]);
  const stop = () => void build.kill().catch((error) => logger.error("the build could not be stopped", { error }));
  limit.addEventListener("abort", stop);
  if (limit.aborted) stop();
  try {
    const { success, code } = await build.exit;
    signal?.throwIfAborted();
    if (limit.aborted) {
      return {
        ok: false,
        reason: `building it took longer than ${buildTimeoutMs} ms (GREENROOM_LIVEKIT_BUILD_TIMEOUT_MS)`,
      };
    }
    if (!success) return { ok: false, reason: `building it failed (${go} ended with code ${code}): ${tail}` };
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.rename(join(binDir, "server"), target);
    logger.info("built a LiveKit server", { version, elapsedS: Math.round(elapsedMs() / 1000), path: target });
    return { ok: true, elapsedMs: elapsedMs() };
  } finally {
    clearInterval(progress);
    limit.removeEventListener("abort", stop);
    await Deno.remove(binDir, { recursive: true });
  }
}
