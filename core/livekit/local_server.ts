/**
 * A livekit-server of our own on loopback, for when LIVEKIT_URL is not set.
 *
 *   start: find or build → choose ports → write config (mode 600) → spawn → ready when it answers a call with our keys
 *   run:   waits; the server's death throws (the supervisor calls start again), abort stops it
 *
 * Guarantees: it never outlives us (guarded_process.ts); ports and keys stay the same when it is started again, so that
 * agents rejoin by themselves; nothing listens outside loopback; no secret is on its command line.
 */
import { join } from "node:path";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { findLivekitServer, type ServerProgram } from "./find_server.ts";
import { findFreeTcpPort, findFreeUdpPort } from "./free_ports.ts";
import { type GuardedProcess, OutputTail, spawnGuarded } from "./guarded_process.ts";
import { createServerApi } from "./server_api.ts";
import { localServerConfig } from "./server_config.ts";

/** LiveKit's usual port, so that its command line tools find the server without a setting. */
const PREFERRED_PORT = 7880;
const READY_TIMEOUT_MS = 20_000;
const READY_POLL_MS = 20;
const PORT_TRIES = 4;

export interface LocalServerOptions {
  /** GREENROOM_LIVEKIT_SERVER. */
  serverPath: string | null;
  /** The config file goes to `<dataDir>/livekit`. */
  dataDir: string;
  /** Where built servers are kept; `<dataDir>/livekit` unless given. */
  cacheDir?: string;
  buildTimeoutMs: number;
  apiKey: string;
  /** At least 32 characters. */
  apiSecret: string;
  /** Asked when the server starts; null = no webhooks. */
  webhookUrl?: () => string | null;
  /** Tried first; null takes any free port. */
  preferredPort?: number | null;
  logger: Logger;
  /** Each line that the server writes, with tokens masked. */
  onLine?: (line: string) => void;
  /** Added to the environment of the server, of Go and of the search on PATH. */
  env?: Record<string, string>;
}

interface Running {
  process: GuardedProcess;
  tail: OutputTail;
  startedAt: Date;
}

type LaunchResult = { ok: true; running: Running } | { ok: false; isPortTaken: boolean; reason: string };

export class LocalLivekitServer implements Service {
  readonly name = "livekit-server";
  readonly #options: LocalServerOptions;
  readonly #logger: Logger;
  #program: ServerProgram | null = null;
  #ports: { port: number; udpPort: number } | null = null;
  #running: Running | null = null;
  #starts = 0;

  constructor(options: LocalServerOptions) {
    this.#options = options;
    this.#logger = options.logger.with({ service: this.name });
  }

  /** ws://127.0.0.1:<port>; known once the service has started. */
  get url(): string {
    if (!this.#ports) throw new Error("Cannot tell the local LiveKit server's URL: it has not started");
    return `ws://127.0.0.1:${this.#ports.port}`;
  }

  snapshot() {
    return {
      pid: this.#running?.process.pid ?? null,
      port: this.#ports?.port ?? null,
      udpPort: this.#ports?.udpPort ?? null,
      program: this.#program,
      startedAt: this.#running?.startedAt ?? null,
      starts: this.#starts,
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    const { serverPath, dataDir, cacheDir = join(dataDir, "livekit"), buildTimeoutMs, env } = this.#options;
    const logger = this.#logger;
    this.#program ??= await findLivekitServer({
      serverPath,
      cacheDir,
      buildTimeoutMs,
      logger,
      signal,
      ...(env && { env }),
    });
    for (let tries = 1;; tries++) {
      const isFirst = this.#ports === null;
      const ports = this.#ports ?? await this.#choosePorts(tries);
      const launched = await this.#launch(this.#program, ports, signal);
      signal.throwIfAborted();
      if (launched.ok) {
        this.#ports = ports;
        this.#running = launched.running;
        this.#starts += 1;
        logger.info("the local LiveKit server is ready", { url: this.url, pid: launched.running.process.pid });
        return;
      }
      if (!isFirst || !launched.isPortTaken || tries >= PORT_TRIES) {
        throw new Error(`The local LiveKit server (${this.#program.path}) did not start: ${launched.reason}`);
      }
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const running = this.#running;
    if (!running) throw new Error("Cannot run the local LiveKit server: it is not started");
    const stop = () => void running.process.kill().catch((error) => this.#logger.error("could not stop", { error }));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    const status = await running.process.exit;
    signal.removeEventListener("abort", stop);
    this.#running = null;
    if (signal.aborted) return;
    throw new Error(
      `The local LiveKit server ended (${status.signal ?? `code ${status.code}`}). It wrote:\n${running.tail}`,
    );
  }

  async #choosePorts(tries: number): Promise<{ port: number; udpPort: number }> {
    const { preferredPort = PREFERRED_PORT } = this.#options;
    return { port: findFreeTcpPort(tries === 1 ? preferredPort : null), udpPort: await findFreeUdpPort() };
  }

  async #launch(
    program: ServerProgram,
    ports: { port: number; udpPort: number },
    signal: AbortSignal,
  ): Promise<LaunchResult> {
    const config = await this.#writeConfig(ports);
    const tail = new OutputTail();
    const process = spawnGuarded({
      command: program.path,
      args: ["--config", config],
      cwd: this.#options.dataDir,
      ...(this.#options.env && { env: this.#options.env }),
      onLine: (line) => this.#take(maskTokens(line), tail),
    });
    try {
      const reason = await this.#untilReady(process, ports.port, signal);
      if (reason === null) return { ok: true, running: { process, tail, startedAt: new Date() } };
      await process.kill();
      const isPortTaken = tail.includes("address already in use") || reason === FOREIGN_SERVER;
      return { ok: false, isPortTaken, reason: `${reason}. It wrote:\n${tail}` };
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  /** Null when the server answers to our keys, else what went wrong. */
  async #untilReady(process: GuardedProcess, port: number, signal: AbortSignal): Promise<string | null> {
    const { apiKey, apiSecret } = this.#options;
    const api = createServerApi({ url: `ws://127.0.0.1:${port}`, apiKey, apiSecret, timeoutMs: READY_TIMEOUT_MS });
    let ended: Deno.CommandStatus | null = null;
    process.exit.then((status) => ended = status, (error) => this.#logger.error("lost the server", { error }));
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (signal.aborted) return "it was stopped while starting";
      if (ended) return `it ended at once (${describeExit(ended)})`;
      const health = await api.checkHealth({ timeoutMs: 1_000 });
      if (health.ok && await isHealthy(port)) return null;
      if (!health.ok && health.error.kind === "unauthorized") return FOREIGN_SERVER;
      await abortableWait(READY_POLL_MS, signal);
    }
    return `it was not ready after ${READY_TIMEOUT_MS} ms`;
  }

  async #writeConfig({ port, udpPort }: { port: number; udpPort: number }): Promise<string> {
    const { dataDir, apiKey, apiSecret, webhookUrl } = this.#options;
    const folder = join(dataDir, "livekit");
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, "server.yaml");
    const text = localServerConfig({ port, udpPort, apiKey, apiSecret, webhookUrl: webhookUrl?.() ?? null });
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
    await Deno.chmod(`${path}.new`, 0o600); // the mode above counts only for a new file
    await Deno.rename(`${path}.new`, path);
    return path;
  }

  #take(line: string, tail: OutputTail): void {
    tail.add(line);
    this.#options.onLine?.(line);
    if (line.includes('"level":"error"')) this.#logger.warn("the LiveKit server reports an error", { line });
    else this.#logger.debug("livekit-server", { line });
  }
}

const FOREIGN_SERVER = "another LiveKit server answers on its port";

/** 200 once the node's own statistics are there; 406 until then. */
async function isHealthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet: the caller asks again until its deadline
  }
}

function describeExit({ signal, code }: Deno.CommandStatus): string {
  return signal ?? `code ${code}`;
}

/** Some lines of the server quote what it was sent; a token must not reach our log. */
export function maskTokens(line: string): string {
  return line.replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, "[token]");
}
