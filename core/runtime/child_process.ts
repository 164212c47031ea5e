/**
 * The parent's end of one agent child: typed messages over IPC, output by line, and its exit.
 *
 * - It runs user code, so what it sends is parsed; an invalid or oversized message is dropped, counted and logged.
 * - Nothing here throws into the caller, and an 'error' listener is always set: a child that dies inside a message raises
 *   'error', which without a listener would end the control plane.
 * - Node's channel buffers what a child does not read, without limit. So a child that owes a pong for more than
 *   HOLD_AFTER_MS gets nothing; up to MAX_HELD messages wait here for its answer.
 * - `exited` settles on 'exit' only ('error' alone does not mean gone), or when no process could be started at all;
 *   `drained` settles when everything it still said has been read too.
 */
import type { ChildProcess } from "node:child_process";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { LineSplitter, readLines } from "./child_output.ts";
import { type ChildMessage, childMessageSchema, MAX_MESSAGE_BYTES, type ParentMessage } from "./messages.ts";

export interface ChildExit {
  code: number | null;
  signal: string | null;
  /** Set when no process could be started. */
  spawnError: string | null;
}

export type OutputStream = "stdout" | "stderr";

const HOLD_AFTER_MS = 2_000;
const MAX_HELD = 32;
/** Bound of reading what a gone child left in its pipes. */
const DRAIN_LIMIT_MS = 250;
/** A flood of bad messages is counted in full, but logged no more often than this. */
const LOG_EVERY_DROPPED = 1_000;
/** Log lines (the only message without a natural limit) that are passed on per second. */
const MAX_LOG_MESSAGES_PER_SECOND = 2_000;

export class AgentChild {
  /** When the child was started, by performance.now(). */
  readonly startedAtMs = performance.now();
  readonly exited: Promise<ChildExit>;
  /** Like `exited`, once its output and messages have been read, or DRAIN_LIMIT_MS later. */
  readonly drained: Promise<ChildExit>;
  onMessage: (message: ChildMessage) => void = () => {};
  onOutput: (stream: OutputStream, line: string) => void = () => {};
  droppedMessages = 0;
  readonly #logger: Logger;
  readonly #process: ChildProcess | null;
  readonly #stderr: LineSplitter;
  readonly #held: ParentMessage[] = [];
  readonly #logWindow = { startMs: 0, count: 0 };
  #exit: ChildExit | null = null;
  #pingSequence = 0;
  #pingSentAtMs: number | null = null;

  constructor(start: () => ChildProcess, { logger }: { logger: Logger }) {
    this.#logger = logger;
    this.#stderr = new LineSplitter((line) => this.onOutput("stderr", line));
    const exited = Promise.withResolvers<ChildExit>();
    this.exited = exited.promise;
    this.#process = this.#startProcess(start, (exit) => {
      this.#exit ??= exit;
      exited.resolve(this.#exit);
    });
    this.drained = this.#process === null ? this.exited : this.#drain(this.#process);
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

  /** How long the child has owed an answer. */
  get pongOwedMs(): number {
    return this.#pingSentAtMs === null ? 0 : performance.now() - this.#pingSentAtMs;
  }

  /** False when the message can't reach the child any more. One that is held counts as sent. */
  send(message: ParentMessage): boolean {
    if (this.pongOwedMs <= HOLD_AFTER_MS) return this.#write(message);
    if (this.isGone || this.#held.length >= MAX_HELD) return false;
    this.#held.push(message);
    return true;
  }

  /** Asks for a sign of life unless an answer is still owed. */
  ping(): void {
    if (this.owesPong) return;
    this.#pingSentAtMs = performance.now();
    if (!this.#write({ type: "ping", sequence: ++this.#pingSequence })) this.#pingSentAtMs = null;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    if (!this.isGone) this.#process?.kill(signal);
  }

  /** Asks an idle child to end, and makes sure of it. */
  async end(limitMs: number): Promise<ChildExit> {
    this.kill("SIGTERM");
    if (!await settlesWithin(this.exited, limitMs)) this.kill("SIGKILL");
    return await this.exited;
  }

  #startProcess(start: () => ChildProcess, onExit: (exit: ChildExit) => void): ChildProcess | null {
    let child: ChildProcess;
    try {
      child = start();
    } catch (error) {
      onExit({ code: null, signal: null, spawnError: String(error) });
      return null;
    }
    child.on("error", (error: Error) => {
      if (child.pid === undefined) onExit({ code: null, signal: null, spawnError: error.message });
      else this.#logger.debug("an agent child's channel or process reported an error", { pid: child.pid, error });
    });
    child.on("exit", (code: number | null, signal: string | null) => onExit({ code, signal, spawnError: null }));
    child.on("message", (message: unknown) => this.#receive(message));
    const stdout = new LineSplitter((line) => this.onOutput("stdout", line));
    for (const [stream, splitter] of [[child.stdout, stdout], [child.stderr, this.#stderr]] as const) {
      if (!stream) continue;
      stream.on("error", (error: Error) => this.#logger.debug("could not read an agent child's output", { error }));
      child.on("exit", readLines(stream, splitter));
    }
    return child;
  }

  #drain(child: ChildProcess): Promise<ChildExit> {
    const closed = Promise.all([once(child, "close"), once(child, "disconnect")]);
    return this.exited.then(async (exit) => {
      if (exit.spawnError === null) await settlesWithin(closed, DRAIN_LIMIT_MS);
      return exit;
    });
  }

  #write(message: ParentMessage): boolean {
    if (this.isGone || this.#process === null || !this.#process.connected) return false;
    try {
      // The callback takes the error of a channel that closes under the write.
      this.#process.send(message, (error: Error | null) => {
        if (error) this.#logger.debug("a message did not reach its agent child", { type: message.type, error });
      });
      return true;
    } catch (error) {
      this.#logger.debug("a message could not be sent to its agent child", { type: message.type, error });
      return false;
    }
  }

  #receive(raw: unknown): void {
    const parsed = childMessageSchema.safeParse(raw);
    if (!parsed.success) return this.#drop(parsed.error.issues[0]?.message ?? "invalid");
    const message = parsed.data;
    if (isOversized(message)) return this.#drop(`more than ${MAX_MESSAGE_BYTES} bytes`);
    if (message.type === "pong") return this.#answered(message.sequence);
    if (message.type === "log" && !this.#admitLog()) return this.#drop("too many log messages");
    this.onMessage(message);
  }

  #answered(sequence: number): void {
    if (sequence !== this.#pingSequence) return;
    this.#pingSentAtMs = null;
    for (const message of this.#held.splice(0)) this.#write(message);
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

/** Texts are bounded by the schema; only members of any shape can grow beyond it. */
function isOversized(message: ChildMessage): boolean {
  const open = message.type === "log"
    ? message.fields
    : message.type === "descriptor"
    ? message.descriptor
    : message.type === "validated"
    ? message.result
    : undefined;
  return open !== undefined && JSON.stringify(open).length > MAX_MESSAGE_BYTES;
}

function once(child: ChildProcess, event: string): Promise<void> {
  return new Promise((resolve) => void child.once(event, () => resolve()));
}
