/**
 * An agent inside the control plane's own isolate (isolation: "inline"), behind the same interface as one with a process:
 * the same messages, checked the same way, over memory instead of a socket.
 *
 *   loading ─▶ warm ─▶ gone (ended while it has no job, or "killed")
 *
 * It saves the process and takes the protection: its code can block, crash or exit the control plane, so the operator
 * lists such agents. Nothing can kill it: `kill` tells its jobs to leave and lets go of them. rtc-node is loaded with the
 * first one. An error that nobody caught fails the job that it comes from, when that can be told; else it is the program's.
 */
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { claimUncaught } from "../lifecycle/uncaught_errors.ts";
import type { SlotArguments } from "./child/child_arguments.ts";
import type { ChildChannel } from "./child/child_channel.ts";
import type { SlotRun } from "./child/slot_run.ts";
import type { AgentChild, ChildExit, OutputStream } from "./child_process.ts";
import { type ChildMessage, childMessageSchema, type ParentMessage } from "./messages.ts";

type Listener = (message: ParentMessage) => void;

export class InlineChild implements AgentChild {
  readonly startedAtMs = performance.now();
  readonly exited: Promise<ChildExit>;
  readonly drained: Promise<ChildExit>;
  onMessage: (message: ChildMessage) => void = () => {};
  onOutput: (stream: OutputStream, line: string) => void = () => {};
  readonly pid = null;
  readonly stderrTail = "";
  /** It answers when the control plane does. */
  readonly owesPong = false;
  readonly pongOwedMs = 0;
  readonly #logger: Logger;
  readonly #exit = Promise.withResolvers<ChildExit>();
  readonly #waiting: ParentMessage[] = [];
  readonly #unclaim: () => void;
  #deliver: Listener = (message) => void this.#waiting.push(message);
  #run: SlotRun | null = null;
  #isGone = false;

  constructor(args: SlotArguments, logger: Logger) {
    this.#logger = logger;
    this.exited = this.drained = this.#exit.promise;
    // Only what comes from a job's own code: the rest is the control plane's, or another inline agent's.
    this.#unclaim = claimUncaught((error) => (this.#run?.ownsCurrentCode() && this.#run.failUncaught(error)) ?? false);
    void this.#start(args);
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  send(message: ParentMessage): boolean {
    if (this.#isGone) return false;
    // A copy, as over a socket: neither side sees what the other does to it later.
    const copy = structuredClone(message);
    queueMicrotask(() => this.#deliver(copy));
    return true;
  }

  ping(): void {}

  kill(): void {
    this.#run?.orphaned();
    this.#leave({ code: null, signal: "SIGKILL", spawnError: null });
  }

  async end(limitMs: number): Promise<ChildExit> {
    if (this.#run?.isIdle ?? true) this.#leave({ code: 0, signal: null, spawnError: null });
    else if (!await settlesWithin(this.exited, limitMs)) this.kill();
    return await this.exited;
  }

  async #start(args: SlotArguments): Promise<void> {
    try {
      const [{ SlotRun }, { captureConsole }, { setRtcEnvironment }] = await Promise.all([
        import("./child/slot_run.ts"),
        import("./child/console_capture.ts"),
        import("./child/quiet_rtc.ts"),
      ]);
      setRtcEnvironment({ hidesPath: false });
      captureConsoleOnce(captureConsole);
      const run = new SlotRun(this.#channel(), args);
      this.#run = run;
      this.#deliver = (message) => run.handle(message);
      for (const message of this.#waiting.splice(0)) run.handle(message);
      const error = await run.load();
      if (error === null) return;
      this.#receive({ type: "broken", error });
    } catch (error) {
      this.#receive({ type: "broken", error: String(error) });
    }
    queueMicrotask(() => this.#leave({ code: 1, signal: null, spawnError: null }));
  }

  #channel(): ChildChannel {
    const send = (message: ChildMessage) => {
      if (this.#isGone) return false;
      queueMicrotask(() => this.#receive(message));
      return true;
    };
    const isOpen = () => !this.#isGone;
    return {
      closed: this.exited.then(() => {}),
      get isOpen() {
        return isOpen();
      },
      listen: (handle) => void (this.#deliver = handle),
      send,
      sendLast: (message) => Promise.resolve(void send(message)),
    };
  }

  #receive(message: ChildMessage): void {
    if (this.#isGone) return;
    const parsed = childMessageSchema.safeParse(message);
    if (parsed.success) this.onMessage(parsed.data);
    else this.#logger.warn("dropped a message of an inline agent", { reason: parsed.error.issues[0]?.message });
  }

  #leave(exit: ChildExit): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#unclaim();
    this.#exit.resolve(exit);
  }
}

let isConsoleCaptured = false;

/** For the whole isolate; what belongs to no job is printed as before. */
function captureConsoleOnce(capture: (fallback: () => null) => void): void {
  if (isConsoleCaptured) return;
  isConsoleCaptured = true;
  capture(() => null);
}
