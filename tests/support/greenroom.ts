/** The real program in a process of its own, as README starts it, on free ports and a data directory of its own. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLogger } from "../../core/lifecycle/logger.ts";
import { findLivekitServer } from "../../core/livekit/find_server.ts";
import { createServerApi, type ServerApi } from "../../core/livekit/server_api.ts";
import { mintParticipantToken } from "../../core/livekit/tokens.ts";
import { makeAgentsFolder } from "./agents_folder.ts";
import { TextLineStream } from "./text_line_stream.ts";
import { eventually, PATIENCE_MS } from "./eventually.ts";
import { testServerProgram } from "./livekit.ts";
import { RoomParticipant } from "./room_participant.ts";
import { copyClusterOfRun, hasClusterOfRun, makeTestDir } from "./test_dir.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const API_KEY = "test-key-0123456789abcdef";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;
/** Between stop signals; the second one ends jobs that still run. */
const STOP_AGAIN_MS = 300;
const MAX_LINES = 50_000;

export interface LogEvent {
  level: string;
  message: string;
  [field: string]: unknown;
}

export interface GreenroomOptions {
  /** Kept when given; else a new one that `stop` removes. */
  dataDir?: string;
  /** True: the new data directory is empty, so that the program makes its database, whatever the run has to copy. */
  isFirstStart?: boolean;
  /** Names of the agents to host, from agents/ or tests/support/agents; they are copied to a folder outside the project. */
  agents?: readonly string[];
  /** A LiveKit server that runs already; otherwise the program starts its own. */
  livekit?: { url: string; apiKey: string; apiSecret: string };
  /** Settings, before all others; "" takes one out. */
  env?: Record<string, string>;
  /** False: resolve as soon as the process runs, ready or not. */
  waitForReady?: boolean;
}

/** An answer of the REST API. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

/** The LiveKit server that the program works with, for tests that act on it. */
export interface LivekitAccess {
  url: string;
  apiKey: string;
  apiSecret: string;
  api: ServerApi;
}

/** A kept data directory and the agents of a stopped or killed program can be used by the next one. */
export class Greenroom implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly dataDir: string;
  /** What was logged so far, oldest first. */
  readonly events: LogEvent[] = [];
  /** The same as it was written. */
  readonly lines: string[] = [];
  readonly #options: GreenroomOptions;
  readonly #agentsDir: string | null;
  readonly #reading: Promise<unknown>;
  #exitCode: number | null = null;
  #livekit: LivekitAccess | null = null;

  private constructor(
    process: Deno.ChildProcess,
    dataDir: string,
    agentsDir: string | null,
    options: GreenroomOptions,
  ) {
    this.process = process;
    this.dataDir = dataDir;
    this.#agentsDir = agentsDir;
    this.#options = options;
    this.#reading = Promise.all([this.#read(process.stdout), this.#read(process.stderr)]);
    void process.status.then(({ code }) => this.#exitCode = code);
  }

  static async start(options: GreenroomOptions = {}): Promise<Greenroom> {
    const dataDir = options.dataDir ?? await makeDataDir(options);
    const agentsDir = options.agents ? await makeAgentsFolder(options.agents) : null;
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--v8-flags=--max-semi-space-size=8", "main.ts"],
      cwd: ROOT,
      env: {
        GREENROOM_DATA_DIR: dataDir,
        GREENROOM_API_KEY: API_KEY,
        GREENROOM_LOG_FORMAT: "json",
        GREENROOM_LOG_LEVEL: "debug",
        PORT: "0",
        // A busy machine makes a database silent for a moment; tests of outages say otherwise.
        GREENROOM_DATABASE_SILENCE_MS: "5000",
        ...(agentsDir === null ? {} : { GREENROOM_AGENTS_DIR: agentsDir }),
        ...await livekitEnv(options.livekit),
        ...options.env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const greenroom = new Greenroom(process, dataDir, agentsDir, options);
    if (options.waitForReady ?? true) await greenroom.ready();
    return greenroom;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** http://127.0.0.1:<port>, once it is ready. */
  get url(): string {
    const line = this.events.find(({ message }) => message.startsWith("Greenroom is ready"));
    return /http:\S+/.exec(line?.message ?? "")?.[0] ?? "";
  }

  /** For requests that are made without `call`. */
  get authorization(): Record<string, string> {
    return { authorization: `Bearer ${API_KEY}` };
  }

  async ready(): Promise<void> {
    const hasStarted = () => this.#exitCode !== null || this.url !== "";
    await eventually(hasStarted, { withinMs: START_TIMEOUT_MS, what: "Greenroom's start" });
    if (this.url === "") throw new Error(`Greenroom ended before it was ready:\n${this.tail()}`);
  }

  /** Waits for a log event. */
  logged(message: string, withinMs = PATIENCE_MS): Promise<LogEvent> {
    const found = () => this.events.find((event) => event.message.includes(message));
    return eventually(found, { withinMs, what: `log "${message}"` });
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get("content-type") ?? "");
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  // deno-lint-ignore no-explicit-any
  async get(path: string): Promise<any> {
    return (await this.call("GET", path)).body;
  }

  /** POST /api/v1/dispatches, waiting until ready unless the query says otherwise. */
  dispatch(body: Record<string, unknown>, query = "wait=ready"): Promise<Answer> {
    return this.call("POST", `/api/v1/dispatches?${query}`, body);
  }

  /** The dispatch, as soon as it is in one of these states. */
  dispatchIn(states: string[], id: string, withinMs = PATIENCE_MS) {
    return eventually(async () => {
      const dispatch = await this.get(`/api/v1/dispatches/${id}`);
      return states.includes(dispatch.state) ? dispatch : null;
    }, { withinMs, what: `dispatch ${id} in ${states.join(" or ")}` });
  }

  /** Resolves when no slot is taken: every job's process is gone. */
  allSlotsFree(withinMs = PATIENCE_MS): Promise<unknown> {
    return eventually(async () => {
      const { items } = await this.get("/api/v1/instances");
      return items.find((instance: { isThisOne: boolean }) => instance.isThisOne).slots.used === 0;
    }, { withinMs, what: "all slots free" });
  }

  /** The LiveKit server, ours or the given one. */
  async livekit(): Promise<LivekitAccess> {
    if (this.#livekit) return this.#livekit;
    const access = this.#options.livekit ?? {
      url: String((await this.logged("the local LiveKit server is ready")).url),
      apiKey: (await Deno.readTextFile(join(this.dataDir, "livekit-api-key"))).trim(),
      apiSecret: (await Deno.readTextFile(join(this.dataDir, "livekit-api-secret"))).trim(),
    };
    const { url, apiKey, apiSecret } = access;
    const api = createServerApi({ url, apiKey, apiSecret, timeoutMs: 10_000 });
    return this.#livekit = { url, apiKey, apiSecret, api };
  }

  /** A human who has joined this room. */
  async human(room: string, identity = "human"): Promise<RoomParticipant> {
    const { url, ...credentials } = await this.livekit();
    return await RoomParticipant.join({ url, token: await mintParticipantToken(credentials, { room, identity }) });
  }

  /** As the terminal or a service manager sends it; does nothing when the program has ended. */
  signal(signal: Deno.Signal): void {
    try {
      this.process.kill(signal);
    } catch (error) {
      // Ended already, which Deno reports as a TypeError.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Resolves with the exit code when it ends by itself. Throws, and kills it, when it does not end in time. */
  async ended(withinMs = STOP_TIMEOUT_MS): Promise<number> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.signal("SIGKILL");
    }, withinMs);
    const { code } = await this.process.status;
    clearTimeout(timer);
    await this.#reading;
    await this.#removeFolders();
    if (isLate) throw new Error(`Greenroom did not end within ${withinMs} ms and was killed:\n${this.tail()}`);
    return code;
  }

  /** Ends it as two SIGTERMs do, or more, and removes the directories that were made here. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    // Two that come while the program has no time to look are one to it.
    const again = setInterval(() => this.signal("SIGTERM"), STOP_AGAIN_MS);
    try {
      await this.ended();
    } finally {
      clearInterval(again);
    }
  }

  /** kill -9. A data directory that was given stays. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
  }

  /** The last log lines, for messages of failed tests. */
  tail(count = 30): string {
    return this.lines.slice(-count).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #removeFolders(): Promise<void> {
    const own = [this.#agentsDir, this.#options.dataDir === undefined ? this.dataDir : null];
    for (const folder of own) {
      if (folder !== null) await Deno.remove(folder, { recursive: true }).catch(ignoreMissing);
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      if (line === "") continue;
      this.lines.push(line);
      this.events.push(line.startsWith("{") ? JSON.parse(line) : { level: "text", message: line });
      if (this.lines.length > MAX_LINES) throw new Error("The program logged far too much");
    }
  }
}

/** Traversable by others, so that as root the embedded database need not move elsewhere. */
export async function makeDataDir({ isFirstStart = false }: { isFirstStart?: boolean } = {}): Promise<string> {
  // Benchmarks have no cluster to copy, and measure the real disk.
  const isTestRun = hasClusterOfRun();
  const prefix = "greenroom-e2e-";
  const dataDir = isTestRun ? await makeTestDir(prefix) : await Deno.makeTempDir({ prefix });
  await Deno.chmod(dataDir, 0o755);
  if (isTestRun && !isFirstStart) await copyClusterOfRun(dataDir);
  return dataDir;
}

/** The given server, or the program that all tests share, built now when it is missing. */
async function livekitEnv(livekit: GreenroomOptions["livekit"]): Promise<Record<string, string>> {
  if (livekit) {
    const { url, apiKey, apiSecret } = livekit;
    return { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret };
  }
  const logger = createLogger({ level: "warn", format: "text" });
  const { path } = await findLivekitServer({ ...testServerProgram(), logger });
  return { GREENROOM_LIVEKIT_SERVER: path };
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
