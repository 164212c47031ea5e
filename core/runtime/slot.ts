/**
 * One slot = one child process = one job.
 *
 *   loading ─warm─▶ warm ─run─▶ running ─finished─▶ finishing ─leave─▶ gone
 *      └─run (the child starts the job as soon as it has loaded)──▲
 *   Any state ─exit─▶ gone.
 *
 * Guarantees: `observer.finished` is called exactly once per job, with what the child said or with what its exit means;
 * the child is told to leave only after that has resolved; `run` resolves when the end is recorded and the process is gone.
 * Each phase has a deadline at which the child is killed: loading, calling entry, ending after a cancel, leaving. While it
 * runs there is none, but a child whose event loop is stuck is killed (child_liveness.ts).
 */
import type { Logger } from "../lifecycle/logger.ts";
import { watchLiveness } from "./child_liveness.ts";
import type { AgentChild, ChildExit } from "./child_process.ts";
import { classifyExit, type KillCause } from "./classify_exit.ts";
import { Deadline } from "./deadline.ts";
import type { JobEnd } from "./job_end.ts";
import type { CancelReason, ChildMessage, JobStart, SpanMessage } from "./messages.ts";
import { endReported, logReported, type SlotLogLine, storableText } from "./slot_reports.ts";

export type { SlotLogLine } from "./slot_reports.ts";

export type SlotState = "loading" | "warm" | "running" | "finishing" | "gone";

export interface JobObserver {
  /** The child is about to call entry. */
  entered(at: Date): void;
  connected(at: Date): void;
  ready(at: Date): void;
  log(line: SlotLogLine): void;
  /** A span of the agent's own has ended. */
  span?(span: SpanMessage): void;
  /** The job has ended. When this resolves (recorded, LiveKit told), the child leaves the room. Called exactly once. */
  finished(end: JobEnd): Promise<void>;
}

/** How a slot's process went. */
export interface SlotGone {
  exit: ChildExit;
  /** Why it never got warm, when nobody wanted it to end; null otherwise. */
  loadError: string | null;
}

export interface SlotOptions {
  agent: string;
  child: AgentChild;
  /** Started for a waiting job: it is not primed. */
  isCold: boolean;
  /** Limit of loading the agent and its prewarm. */
  loadTimeoutMs: number;
  logger: Logger;
  now?: () => Date;
}

interface Run {
  job: JobStart;
  observer: JobObserver;
  hasEntered: boolean;
  hasConnected: boolean;
  isReady: boolean;
  cancelledFor: CancelReason | null;
  end: JobEnd | null;
  recorded: Promise<void> | null;
  readonly settled: PromiseWithResolvers<JobEnd>;
}

/** From `start`, or from the end of loading, to `entered`. */
const ENTER_TIMEOUT_MS = 5_000;
/** What a cancelled child may take beyond its grace, for leaving nothing half said. */
const CANCEL_MARGIN_MS = 1_000;
/** From `finished` to exit when no `leave` comes: the child waits 5 s for it. */
const RECORD_LIMIT_MS = 10_000;
const LEAVE_LIMIT_MS = 3_000;
const IDLE_END_LIMIT_MS = 1_000;

export class Slot {
  readonly agent: string;
  readonly isCold: boolean;
  /** Resolves when the process is gone. Never rejects. */
  readonly gone: Promise<SlotGone>;
  /** Called after each change of `state` and when the job enters or connects. */
  onChange: () => void = () => {};
  /** From the start of the process to warm, once it is. */
  loadedAfterMs: number | null = null;
  readonly #child: AgentChild;
  readonly #logger: Logger;
  readonly #now: () => Date;
  #state: SlotState = "loading";
  #run: Run | null = null;
  #loadError: string | null = null;
  #killedFor: KillCause | null = null;
  #isEnding = false;
  #exit: ChildExit | null = null;
  readonly #deadline = new Deadline<KillCause>((cause) => this.kill(cause));
  #stopWatching: () => void = () => {};

  constructor({ agent, child, isCold, loadTimeoutMs, logger, now = () => new Date() }: SlotOptions) {
    this.agent = agent;
    this.isCold = isCold;
    this.#child = child;
    this.#logger = logger.with({ agent, pid: child.pid });
    this.#now = now;
    child.onMessage = (message) => this.#receive(message);
    child.onOutput = (stream, line) => this.#output(stream === "stderr" ? "warn" : "info", line);
    this.#deadline.set(loadTimeoutMs, "load_timeout");
    void child.exited.then(() => this.#exited());
    this.gone = child.drained.then((exit) => this.#drained(exit));
  }

  get state(): SlotState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child.pid;
  }

  get hasConnected(): boolean {
    return this.#run?.hasConnected ?? false;
  }

  get hasEntered(): boolean {
    return this.#run?.hasEntered ?? false;
  }

  /** Runs the slot's one job. Never rejects; throws when the slot has had its job. */
  run(job: JobStart, observer: JobObserver): Promise<JobEnd> {
    if (this.#run) throw new Error(`Cannot run job ${job.jobId}: the slot has job ${this.#run.job.jobId} already`);
    const settled = Promise.withResolvers<JobEnd>();
    const run: Run = {
      job,
      observer,
      hasEntered: false,
      hasConnected: false,
      isReady: false,
      cancelledFor: null,
      end: null,
      recorded: null,
      settled,
    };
    this.#run = run;
    // A loading child keeps the message until it has loaded. One that can't be reached is about to be gone.
    this.#child.send({ type: "start", job });
    if (this.#state === "warm") this.#startRunning();
    else if (this.#exit) void this.#settle(run, this.#exit);
    return settled.promise;
  }

  /** Ends the job; a child that is not gone `graceMs` (and a margin) later is killed. The first reason counts. */
  cancel(reason: CancelReason, graceMs: number): void {
    const run = this.#run;
    if (!run || run.end || this.#state === "gone") return;
    run.cancelledFor ??= reason;
    this.#child.send({ type: "cancel", jobId: run.job.jobId, reason, graceMs });
    this.#deadline.tighten(graceMs + CANCEL_MARGIN_MS, "shutdown_overrun");
  }

  /** Ends a slot that has no job. */
  async end(): Promise<void> {
    if (this.#run) throw new Error(`Cannot end the slot: it has job ${this.#run.job.jobId}; cancel it`);
    this.#isEnding = true;
    await this.#child.end(IDLE_END_LIMIT_MS);
  }

  /** Kills the process now. */
  kill(cause: KillCause): void {
    this.#killedFor ??= cause;
    this.#logger.warn("killing an agent process", { cause, job: this.#run?.job.jobId });
    this.#child.kill("SIGKILL");
  }

  #receive(message: ChildMessage): void {
    if (message.type === "warm") return this.#warm();
    if (message.type === "broken") return void (this.#loadError ??= storableText(message.error));
    if (message.type === "log") return this.#log(message);
    const run = this.#run;
    if (!("jobId" in message) || run?.job.jobId !== message.jobId || run.end) {
      return this.#logger.warn("an agent process sent a message that does not fit its state", { type: message.type });
    }
    if (message.type === "entered") this.#entered(run);
    else if (message.type === "span") this.#notify(() => run.observer.span?.(message));
    else if (message.type === "finished") this.#finished(run, endReported(message));
    else if (message.type === "connected" && run.hasEntered && !run.hasConnected) this.#connected(run);
    else if (message.type === "ready" && run.hasConnected && !run.isReady) {
      run.isReady = true;
      this.#notify(() => run.observer.ready(this.#now()));
    }
  }

  #warm(): void {
    if (this.#state !== "loading") return;
    this.loadedAfterMs = performance.now() - this.#child.startedAtMs;
    this.#state = "warm";
    this.#stopWatching = watchLiveness(this.#child, () => this.kill("unresponsive"));
    this.#deadline.clear();
    if (this.#run) this.#startRunning();
    else this.onChange();
  }

  #startRunning(): void {
    this.#state = "running";
    // A cancel before the job began has set its own, which counts.
    if (!this.#run?.cancelledFor) this.#deadline.set(ENTER_TIMEOUT_MS, "enter_timeout");
    this.onChange();
  }

  #entered(run: Run): void {
    if (run.hasEntered) return;
    this.#warm();
    run.hasEntered = true;
    if (!run.cancelledFor) this.#deadline.clear();
    this.#notify(() => run.observer.entered(this.#now()));
    this.onChange();
  }

  #connected(run: Run): void {
    run.hasConnected = true;
    this.#notify(() => run.observer.connected(this.#now()));
    this.onChange();
  }

  #finished(run: Run, end: JobEnd): void {
    if (this.#state === "gone") return void this.#record(run, end);
    this.#state = "finishing";
    this.#deadline.set(RECORD_LIMIT_MS, "shutdown_overrun");
    this.onChange();
    void this.#record(run, end).then(() => {
      if (this.#child.send({ type: "leave", jobId: run.job.jobId })) {
        this.#deadline.set(LEAVE_LIMIT_MS, "shutdown_overrun");
      }
    });
  }

  /** Never rejects: an end that can't be recorded is logged, and the child must leave all the same. */
  #record(run: Run, end: JobEnd): Promise<void> {
    run.end = end;
    run.recorded = Promise.try(() => run.observer.finished(end)).catch((error) => {
      this.#logger.error("could not record the end of a job", { job: run.job.jobId, error });
    });
    return run.recorded;
  }

  #exited(): void {
    this.#state = "gone";
    this.#stopWatching();
    this.#deadline.clear();
    this.onChange();
  }

  /** The process is gone and everything it said has been read. */
  #drained(exit: ChildExit): SlotGone {
    this.#exit = exit;
    if (this.#run) void this.#settle(this.#run, exit);
    const hasFailedToLoad = this.loadedAfterMs === null && !this.#isEnding;
    return { exit, loadError: hasFailedToLoad ? this.#classify(exit, false).message : null };
  }

  async #settle(run: Run, exit: ChildExit): Promise<void> {
    await (run.recorded ?? this.#record(run, this.#endOfDeath(run, exit)));
    // run.end is set by #record, always.
    run.settled.resolve(run.end as JobEnd);
  }

  /** A cancelled job stays cancelled, however its process went; what went wrong is noted. */
  #endOfDeath(run: Run, exit: ChildExit): JobEnd {
    const failure = this.#classify(exit, run.hasEntered);
    if (run.cancelledFor === null) return { outcome: "failed", endReason: "process_gone", failure };
    const end = { outcome: "cancelled" as const, endReason: run.cancelledFor };
    return run.hasEntered ? { ...end, failure } : end;
  }

  #classify(exit: ChildExit, hasEntered: boolean) {
    const stderrTail = storableText(this.#child.stderrTail);
    return classifyExit({ ...exit, stderrTail, hasEntered, loadError: this.#loadError, killedFor: this.#killedFor });
  }

  #log(message: Extract<ChildMessage, { type: "log" }>): void {
    const line = logReported(message, this.#now());
    const run = this.#run;
    if (run) this.#notify(() => run.observer.log(line));
    else this.#logger.debug("agent output outside a job", { output: line.message });
  }

  #output(level: "info" | "warn", text: string): void {
    this.#log({ type: "log", level, message: text, at: this.#now().getTime() });
  }

  /** An observer's error must not cost the child its messages. */
  #notify(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error("an observer of a job threw", { job: this.#run?.job.jobId, error });
    }
  }
}
