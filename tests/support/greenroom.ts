/** The real program in a process of its own, as README starts it, on free ports and a data directory of its own. */
import { join } from "node:path";
import { TextLineStream } from "./text_line_stream.ts";
import { eventually } from "./eventually.ts";
import { testServerProgram } from "./livekit.ts";

const ROOT = join(import.meta.dirname ?? "", "..", "..");
const API_KEY = "test-key-0123456789abcdef";
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const MAX_LINES = 50_000;

export interface LogEvent {
  level: string;
  message: string;
  [field: string]: unknown;
}

export interface GreenroomOptions {
  /** Kept when given; else a new one that `stop` removes. */
  dataDir?: string;
  /** Agents folder; the project's own unless given. */
  agentsDir?: string;
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

export class Greenroom implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly dataDir: string;
  readonly events: LogEvent[] = [];
  readonly #ownsDataDir: boolean;
  readonly #reading: Promise<unknown>;

  private constructor(process: Deno.ChildProcess, dataDir: string, ownsDataDir: boolean) {
    this.process = process;
    this.dataDir = dataDir;
    this.#ownsDataDir = ownsDataDir;
    this.#reading = Promise.all([this.#read(process.stdout), this.#read(process.stderr)]);
  }

  static async start(options: GreenroomOptions = {}): Promise<Greenroom> {
    const dataDir = options.dataDir ?? await makeDataDir();
    const { serverPath, cacheDir } = testServerProgram();
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "main.ts"],
      cwd: ROOT,
      env: {
        GREENROOM_DATA_DIR: dataDir,
        GREENROOM_API_KEY: API_KEY,
        GREENROOM_LOG_FORMAT: "json",
        GREENROOM_LOG_LEVEL: "debug",
        // The server that all tests share, when it has been built already.
        ...(serverPath ? { GREENROOM_LIVEKIT_SERVER: serverPath } : await builtServer(cacheDir)),
        PORT: "0",
        ...(options.agentsDir ? { GREENROOM_AGENTS_DIR: options.agentsDir } : {}),
        ...options.env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const greenroom = new Greenroom(process, dataDir, options.dataDir === undefined);
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

  async ready(): Promise<void> {
    let hasEnded = false;
    void this.process.status.then(() => hasEnded = true);
    await eventually(() => hasEnded || this.url !== "", { withinMs: START_TIMEOUT_MS, what: "Greenroom's start" });
    if (this.url === "") throw new Error(`Greenroom ended before it was ready:\n${this.tail()}`);
  }

  /** Waits for a log event. */
  logged(message: string, withinMs = 15_000): Promise<LogEvent> {
    return eventually(() => this.events.find((event) => event.message.includes(message)), { withinMs, what: `log "${message}"` });
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
  }

  /** POST /api/v1/dispatches, waiting until ready unless the query says otherwise. */
  dispatch(body: Record<string, unknown>, query = "wait=ready"): Promise<Answer> {
    return this.call("POST", `/api/v1/dispatches?${query}`, body);
  }

  /** The dispatch, as soon as it is in one of these states. */
  async dispatchIn(states: string[], id: string, withinMs = 15_000) {
    return await eventually(async () => {
      const { body } = await this.call("GET", `/api/v1/dispatches/${id}`);
      return states.includes(body.state) ? body : null;
    }, { withinMs, what: `dispatch ${id} in ${states.join(" or ")}` });
  }

  /** Ends it as SIGTERM does, and removes its data directory if it was made here. Fails when it does not end in time. */
  async stop(): Promise<number> {
    let isEnded = false;
    void this.process.status.then(() => isEnded = true);
    if (!isEnded) this.#signal("SIGTERM");
    const second = setTimeout(() => this.#signal("SIGTERM"), 300); // ends jobs that still run
    const last = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    const { code } = await this.process.status;
    clearTimeout(second);
    clearTimeout(last);
    await this.#reading;
    if (this.#ownsDataDir) await removeDataDir(this.dataDir);
    return code;
  }

  /** kill -9. The data directory stays. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.process.status;
    await this.#reading;
  }

  /** The last log lines, for messages of failed tests. */
  tail(lines = 30): string {
    return this.events.slice(-lines).map((event) => JSON.stringify(event)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.process.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error; // it has ended: fine
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const line of stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      if (line === "") continue;
      this.events.push(line.startsWith("{") ? JSON.parse(line) : { level: "text", message: line });
      if (this.events.length > MAX_LINES) this.events.shift();
    }
  }
}

/** Traversable by others, so that as root the embedded database need not move elsewhere. */
export async function makeDataDir(): Promise<string> {
  const dataDir = await Deno.makeTempDir({ prefix: "greenroom-e2e-" });
  await Deno.chmod(dataDir, 0o755);
  return dataDir;
}

export async function removeDataDir(dataDir: string): Promise<void> {
  await Deno.remove(dataDir, { recursive: true });
}

async function builtServer(cacheDir: string): Promise<Record<string, string>> {
  for await (const entry of walk(cacheDir)) if (entry.endsWith("/livekit-server")) return { GREENROOM_LIVEKIT_SERVER: entry };
  return {};
}

async function* walk(folder: string): AsyncGenerator<string> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) yield* walk(`${folder}/${name}`);
      else yield `${folder}/${name}`;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
