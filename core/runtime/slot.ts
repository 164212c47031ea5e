/**
 * One slot = room for one job in an agent's process (slot_process.ts), which has one slot or several.
 *
 *   loading ─(process warm)─▶ warm ─run─▶ running ─finished─▶ finishing ─leave─▶ gone
 *      └─run (the child starts the job as soon as it has loaded)──▲
 *   Any state ─the process's exit─▶ gone.
 *
 * Guarantees: `observer.finished` is called exactly once per job, with what the child said or with what its exit means;
 * the child is told to leave only after that has resolved; `run` resolves when the end is recorded and the job has left
 * its process, or the process is gone. Each phase of a job has a deadline: calling entry, ending after a cancel, leaving.
 * What is over is given up by the process: killed, unless other jobs are in it. While a job runs there is no deadline.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { ChildExit } from "./child_process.ts";
import type { KillCause } from "./classify_exit.ts";
import { Deadline } from "./deadline.ts";
import type { JobEnd, JobFailure } from "./job_end.ts";
import type { CancelReason, ChildMessage, JobStart, ParentMessage, SpanMessage } from "./messages.ts";
import { endReported, logReported, type SlotLogLine } from "./slot_reports.ts";

export type { SlotLogLine } from "./slot_reports.ts";

export type SlotState = "loading" | "warm" | "running" | "finishing" | "gone";

/** What a job's process uses; with several jobs in one process, what they use together. */
export interface JobResources {
  rssBytes: number;
  /** The most that was seen while the job ran. */
  peakRssBytes: number;
  /** Since the job was given to the process. */
  cpuMs: number;
}

export interface JobObserver {
  /** The child is about to call entry. */
  entered(at: Date): void;
  connected(at: Date): void;
  ready(at: Date): void;
  log(line: SlotLogLine): void;
  /** A span of the agent's own has ended. */
  span?(span: SpanMessage): void;
  /** Any other message of this job, e.g. a request to the control plane; answered by `Slot.send`. */
  message?(message: ChildMessage): void;
  /** Each second. */
  resources?(resources: JobResources): void;
  /** Something was noticed, at most once per job and flag; the job goes on. */
  flagged?(flag: "memory_high", message: string): void;
  /** The job has ended. When this resolves (recorded, LiveKit told), the child leaves the room. Called exactly once. */
  finished(end: JobEnd): Promise<void>;
}

/** What a slot needs of its process. */
export interface SlotHost {
  readonly agent: string;
  readonly isCold: boolean;
  readonly pid: number | null;
  readonly state: "loading" | "warm" | "gone";
  /** How the process went, once everything that it said has been read. */
  readonly exit: ChildExit | null;
  send(message: ParentMessage): boolean;
  /** Looks at what the process uses now. */
  sample(): void;
  /** Something of the slot has changed. */
  changed(): void;
  /** Its job is over its time: kills the process, or calls `abandon` when that would hit other jobs. */
  giveUp(slot: Slot, cause: KillCause): void;
  /** The slot has nothing more in the process. */
  closed(slot: Slot): void;
  /** What the process's exit (or its being given up) means for a job. */
  classify(exit: ChildExit, hasEntered: boolean, killedFor?: KillCause): JobFailure;
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
  readonly flags: Set<string>;
  readonly settled: PromiseWithResolvers<JobEnd>;
}

/** From `start`, or from the end of loading, to `entered`. */
const ENTER_TIMEOUT_MS = 5_000;
/** What a cancelled child may take beyond its grace, for leaving nothing half said. */
const CANCEL_MARGIN_MS = 1_000;
/** From `finished` to exit when no `leave` comes: the child waits 5 s for it. */
const RECORD_LIMIT_MS = 10_000;
const LEAVE_LIMIT_MS = 3_000;
const NO_EXIT: ChildExit = { code: null, signal: null, spawnError: null };

export class Slot {
  readonly #host: SlotHost;
  readonly #logger: Logger;
  readonly #now: () => Date;
  /** Null until it has a job that its process can begin. */
  #phase: "running" | "finishing" | "gone" | null = null;
  #run: Run | null = null;
  #resources: JobResources | null = null;
  #cpuMsAtStart: number | null = null;
  readonly #deadline = new Deadline<KillCause>((cause) => this.#host.giveUp(this, cause));

  constructor(host: SlotHost, logger: Logger, now: () => Date = () => new Date()) {
    this.#host = host;
    this.#logger = logger;
    this.#now = now;
  }

  get agent(): string {
    return this.#host.agent;
  }

  /** Its process was started for a waiting job. */
  get isCold(): boolean {
    return this.#host.isCold;
  }

  get state(): SlotState {
    return this.#phase ?? this.#host.state;
  }

  /** Null for a job in the control plane's own isolate. */
  get pid(): number | null {
    return this.#host.pid;
  }

  get jobId(): string | null {
    return this.#run?.job.jobId ?? null;
  }

  get hasJob(): boolean {
    return this.#run !== null;
  }

  get hasConnected(): boolean {
    return this.#run?.hasConnected ?? false;
  }

  get hasEntered(): boolean {
    return this.#run?.hasEntered ?? false;
  }

  /** The last sample; null before the first. */
  get resources(): JobResources | null {
    return this.#resources;
  }

  /** Runs the slot's one job. Never rejects; throws when the slot has had its job. */
  run(job: JobStart, observer: JobObserver): Promise<JobEnd> {
    if (this.#run) throw new Error(`Cannot run job ${job.jobId}: the slot has job ${this.#run.job.jobId} already`);
    const settled = Promise.withResolvers<JobEnd>();
    this.#run = {
      job,
      observer,
      hasEntered: false,
      hasConnected: false,
      isReady: false,
      cancelledFor: null,
      end: null,
      recorded: null,
      flags: new Set(),
      settled,
    };
    // A loading child keeps the message until it has loaded. One that can't be reached is about to be gone.
    this.#host.send({ type: "start", job });
    if (this.#host.state === "warm") this.#startRunning(this.#run);
    else if (this.#host.exit) void this.#settle(this.#run, this.#host.exit);
    return settled.promise;
  }

  /** A message to the job's process, e.g. the answer to a request. False when it can't be reached any more. */
  send(message: ParentMessage): boolean {
    return this.#host.send(message);
  }

  /** Ends the job; one that is not gone `graceMs` (and a margin) later is given up. The first reason counts. */
  cancel(reason: CancelReason, graceMs: number): void {
    const run = this.#run;
    if (!run || run.end || this.#phase === "gone") return;
    run.cancelledFor ??= reason;
    this.#host.send({ type: "cancel", jobId: run.job.jobId, reason, graceMs });
    this.#deadline.tighten(graceMs + CANCEL_MARGIN_MS, "shutdown_overrun");
  }

  /** The process is warm. */
  processWarm(): void {
    if (this.#run && this.#phase === null) this.#startRunning(this.#run);
  }

  /** A message of the process that concerns this slot's job. */
  receive(message: ChildMessage): void {
    if (message.type === "log") return this.log(message);
    const run = this.#run;
    if (message.type === "left") return this.#left();
    if (run === null || run.end) return;
    if (message.type === "entered") this.#entered(run);
    else if (message.type === "span") this.#notify(() => run.observer.span?.(message));
    else if (message.type === "finished") this.#finished(run, endReported(message));
    else if (message.type === "connected") this.#connected(run);
    else if (message.type === "ready") this.#ready(run);
    else this.#notify(() => run.observer.message?.(message));
  }

  log(message: Extract<ChildMessage, { type: "log" }>): void {
    const line = logReported(message, this.#now());
    const run = this.#run;
    if (run) this.#notify(() => run.observer.log(line));
    else this.#logger.debug("agent output outside a job", { output: line.message });
  }

  /** A sample of the process. */
  sampled(rssBytes: number, cpuMs: number): void {
    const run = this.#run;
    if (run === null || run.end !== null) return;
    this.#cpuMsAtStart ??= cpuMs;
    const peakRssBytes = Math.max(rssBytes, this.#resources?.peakRssBytes ?? 0);
    const resources = { rssBytes, peakRssBytes, cpuMs: cpuMs - this.#cpuMsAtStart };
    this.#resources = resources;
    this.#notify(() => run.observer.resources?.(resources));
  }

  /** Tells the job's observer, once per flag. */
  flag(flag: "memory_high", message: string): void {
    const run = this.#run;
    if (run === null || run.end !== null || run.flags.has(flag)) return;
    run.flags.add(flag);
    this.#notify(() => run.observer.flagged?.(flag, message));
  }

  /** Ends the job here although it may go on in its process, which has other jobs and takes no more. */
  abandon(cause: KillCause): void {
    const run = this.#run;
    if (run) void this.#settle(run, NO_EXIT, cause);
  }

  /** The process is gone, but not everything that it said has been read. */
  processExited(): void {
    this.#phase = "gone";
    this.#deadline.clear();
  }

  /** The process is gone and everything that it said has been read. */
  processDrained(exit: ChildExit): void {
    if (this.#run) void this.#settle(this.#run, exit);
  }

  #startRunning(run: Run): void {
    this.#phase = "running";
    this.#host.sample();
    // A cancel before the job began has set its own, which counts.
    if (!run.cancelledFor) this.#deadline.set(ENTER_TIMEOUT_MS, "enter_timeout");
    this.#host.changed();
  }

  #entered(run: Run): void {
    if (run.hasEntered) return;
    run.hasEntered = true;
    if (!run.cancelledFor) this.#deadline.clear();
    this.#notify(() => run.observer.entered(this.#now()));
    this.#host.changed();
  }

  #connected(run: Run): void {
    if (!run.hasEntered || run.hasConnected) return;
    run.hasConnected = true;
    this.#notify(() => run.observer.connected(this.#now()));
    this.#host.changed();
  }

  #ready(run: Run): void {
    if (!run.hasConnected || run.isReady) return;
    run.isReady = true;
    this.#notify(() => run.observer.ready(this.#now()));
  }

  #finished(run: Run, end: JobEnd): void {
    if (this.#phase === "gone") return void this.#record(run, end);
    this.#host.sample();
    this.#phase = "finishing";
    this.#deadline.set(RECORD_LIMIT_MS, "shutdown_overrun");
    this.#host.changed();
    void this.#record(run, end).then(() => {
      if (this.#phase === "gone") return;
      if (this.#host.send({ type: "leave", jobId: run.job.jobId })) {
        this.#deadline.set(LEAVE_LIMIT_MS, "shutdown_overrun");
      }
    });
  }

  /** The job has left a process that goes on. One that leaves without having finished was never believed to have ended. */
  #left(): void {
    const run = this.#run;
    if (run?.end) void this.#settle(run, NO_EXIT);
  }

  /** Never rejects: an end that can't be recorded is logged, and the child must leave all the same. */
  #record(run: Run, end: JobEnd): Promise<void> {
    run.end = end;
    run.recorded = Promise.try(() => run.observer.finished(end)).catch((error) => {
      this.#logger.error("could not record the end of a job", { job: run.job.jobId, error });
    });
    return run.recorded;
  }

  async #settle(run: Run, exit: ChildExit, killedFor?: KillCause): Promise<void> {
    this.#phase = "gone";
    this.#deadline.clear();
    await (run.recorded ?? this.#record(run, this.#endOfDeath(run, exit, killedFor)));
    this.#host.closed(this);
    // run.end is set by #record, always.
    run.settled.resolve(run.end as JobEnd);
  }

  /** A cancelled job stays cancelled, however its process went; what went wrong is noted. */
  #endOfDeath(run: Run, exit: ChildExit, killedFor?: KillCause): JobEnd {
    const failure = this.#host.classify(exit, run.hasEntered, killedFor);
    if (run.cancelledFor === null) return { outcome: "failed", endReason: "process_gone", failure };
    const end = { outcome: "cancelled" as const, endReason: run.cancelledFor };
    return run.hasEntered ? { ...end, failure } : end;
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
