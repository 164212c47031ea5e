/**
 * The parent's end of one agent child: typed messages, output by line, and its exit.
 *
 * - It runs user code, so what it sends is parsed; an invalid, cut or oversized message is dropped, counted and logged.
 * - Nothing here throws into the caller. What a child does not read waits in a bounded queue (message_stream.ts); a child
 *   that does not connect within CONNECT_LIMIT_MS is killed.
 * - `exited` settles when the process is gone, or when none could be started at all; `drained` settles when everything it
 *   still said has been read too.
 */
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { ExpectedChild } from "./child_listener.ts";
import { LineSplitter, readLines } from "./child_output.ts";
import { MessageStream } from "./message_stream.ts";
import { type ChildMessage, childMessageSchema, type ParentMessage } from "./messages.ts";

export interface ChildExit {
  code: number | null;
  signal: string | null;
  /** Set when no process could be started. */
  spawnError: string | null;
}

export type OutputStream = "stdout" | "stderr";

/** What runs an agent: a process of its own (ProcessChild), or the control plane's own isolate (InlineChild). */
export interface AgentChild {
  /** When it was started, by performance.now(). */
  readonly startedAtMs: number;
  readonly exited: Promise<ChildExit>;
  /** Like `exited`, once its output and messages have been read, or DRAIN_LIMIT_MS later. */
  readonly drained: Promise<ChildExit>;
  onMessage: (message: ChildMessage) => void;
  onOutput: (stream: OutputStream, line: string) => void;
  /** Null for one without a process. */
  readonly pid: number | null;
  readonly isGone: boolean;
  readonly stderrTail: string;
  readonly owesPong: boolean;
  /** How long it has owed an answer to a ping. */
  readonly pongOwedMs: number;
  /** False when the message can't reach it any more. */
  send(message: ParentMessage): boolean;
  /** Asks for a sign of life unless an answer is still owed. */
  ping(): void;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
  /** Asks an idle one to end, and makes sure of it. */
  end(limitMs: number): Promise<ChildExit>;
}

const CONNECT_LIMIT_MS = 20_000;
/** Bound of reading what a gone child left in its pipes. */
const DRAIN_LIMIT_MS = 250;
/** A flood of bad messages is counted in full, but logged no more often than this. */
const LOG_EVERY_DROPPED = 1_000;
/** Log lines (the only message without a natural limit) that are passed on per second. */
const MAX_LOG_MESSAGES_PER_SECOND = 2_000;
const MAX_READ_BYTES_PER_SECOND = 33_554_432;

export interface ProcessChildOptions {
  start: () => Deno.ChildProcess;
  expected: ExpectedChild;
  logger: Logger;
}

export class ProcessChild implements AgentChild {
  readonly startedAtMs = performance.now();
  readonly exited: Promise<ChildExit>;
  readonly drained: Promise<ChildExit>;
  onMessage: (message: ChildMessage) => void = () => {};
  onOutput: (stream: OutputStream, line: string) => void = () => {};
  droppedMessages = 0;
  readonly #logger: Logger;
  readonly #process: Deno.ChildProcess | null;
  readonly #stderr: LineSplitter;
  readonly #stream: MessageStream;
  readonly #logWindow = { startMs: 0, count: 0 };
  #exit: ChildExit | null = null;
  #pingSequence = 0;
  #pingSentAtMs: number | null = null;

  constructor({ start, expected, logger }: ProcessChildOptions) {
    this.#logger = logger;
    this.#stderr = new LineSplitter((line) => this.onOutput("stderr", line));
    this.#stream = new MessageStream({
      onMessage: (message) => this.#receive(message),
      onDropped: (reason) => this.#drop(reason),
      bytesPerSecond: MAX_READ_BYTES_PER_SECOND,
    });
    const started = startProcess(start);
    this.#process = started.process;
    if (started.process === null) {
      this.#exit = { code: null, signal: null, spawnError: started.error };
      this.exited = this.drained = Promise.resolve(this.#exit);
      expected.cancel();
      this.#stream.close();
    } else {
      this.exited = this.#untilExit(started.process);
      this.drained = this.#untilDrained(started.process);
      void this.#connect(expected);
    }
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  get isGone(): boolean {
    return this.#exit !== null;
  }

  get stderrTail(): string {
    return this.#stderr.tail;
  }

  get owesPong(): boolean {
    return this.#pingSentAtMs !== null;
  }

  get pongOwedMs(): number {
    return this.#pingSentAtMs === null ? 0 : performance.now() - this.#pingSentAtMs;
  }

  send(message: ParentMessage): boolean {
    return !this.isGone && this.#stream.send(message);
  }

  ping(): void {
    if (this.owesPong) return;
    this.#pingSentAtMs = performance.now();
    if (!this.send({ type: "ping", sequence: ++this.#pingSequence })) this.#pingSentAtMs = null;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.isGone) return;
    try {
      this.#process?.kill(signal);
    } catch (error) {
      this.#logger.debug("an agent process was gone before it was killed", { pid: this.pid, error });
    }
  }

  async end(limitMs: number): Promise<ChildExit> {
    this.kill("SIGTERM");
    if (!await settlesWithin(this.exited, limitMs)) this.kill("SIGKILL");
    return await this.exited;
  }

  async #untilExit(process: Deno.ChildProcess): Promise<ChildExit> {
    const { code, signal } = await process.status;
    return this.#exit = { code: signal === null ? code : null, signal, spawnError: null };
  }

  async #connect(expected: ExpectedChild): Promise<void> {
    const timer = setTimeout(() => {
      this.#logger.error("an agent process did not connect; killing it", { pid: this.pid });
      this.kill("SIGKILL");
    }, CONNECT_LIMIT_MS);
    // Not when it has exited: what it said before that may wait to be accepted.
    void this.drained.then(() => expected.cancel());
    const connection = await expected.connection;
    clearTimeout(timer);
    if (connection === null) this.#stream.close();
    else this.#stream.attach(connection);
  }

  async #untilDrained(process: Deno.ChildProcess): Promise<ChildExit> {
    const read = (stream: ReadableStream<Uint8Array>, splitter: LineSplitter) =>
      readLines(stream, splitter, this.exited).catch((error) =>
        this.#logger.debug("could not read an agent child's output", { pid: this.pid, error })
      );
    const stdout = new LineSplitter((line) => this.onOutput("stdout", line));
    const said = [read(process.stdout, stdout), read(process.stderr, this.#stderr), this.#stream.closed];
    const exit = await this.exited;
    await settlesWithin(Promise.all(said), DRAIN_LIMIT_MS);
    this.#stream.close();
    return exit;
  }

  #receive(raw: unknown): void {
    const parsed = childMessageSchema.safeParse(raw);
    if (!parsed.success) return this.#drop(parsed.error.issues[0]?.message ?? "invalid");
    const message = parsed.data;
    if (message.type === "pong") return this.#answered(message.sequence);
    if (message.type === "log" && !this.#admitLog()) return this.#drop("too many log messages");
    this.onMessage(message);
  }

  #answered(sequence: number): void {
    if (sequence === this.#pingSequence) this.#pingSentAtMs = null;
  }

  #admitLog(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.#logWindow.startMs >= 1_000) Object.assign(this.#logWindow, { startMs: nowMs, count: 0 });
    return ++this.#logWindow.count <= MAX_LOG_MESSAGES_PER_SECOND;
  }

  #drop(reason: string): void {
    if (this.droppedMessages++ % LOG_EVERY_DROPPED > 0) return;
    this.#logger.warn("dropped a message of an agent child", { pid: this.pid, reason, dropped: this.droppedMessages });
  }
}

function startProcess(
  start: () => Deno.ChildProcess,
): { process: Deno.ChildProcess } | { process: null; error: string } {
  try {
    return { process: start() };
  } catch (error) {
    return { process: null, error: String(error) };
  }
}
