/**
 * The life of one job on this instance, in order:
 *
 *   reserve (caller) → stored as assigned (caller) → take a slot → mint the room token → start → entered → connected → ready
 *     → finished: recorded → LiveKit told (status, then pong) → the child leaves → process gone → slot given back
 *
 * Guarantees: the reservation is released exactly once, after the child is gone; every started job gets exactly one
 * recorded end, however its process ends; LiveKit hears SUCCESS or FAILED before the agent leaves the room.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { NextStep } from "../../db/job_changes.ts";
import type { JobKey } from "../../db/jobs.ts";
import { withErrorStatus } from "./error_status.ts";
import { deadlineEnd, type JobEnd, type JobFailure } from "./job_end.ts";
import { JobRecorder, type RecorderOptions } from "./job_recorder.ts";
import { JobWatch, type JobWatchLimits } from "./job_watch.ts";
import type { CancelReason, ChildMessage, JobStart, ParentMessage, SpanMessage } from "./messages.ts";
import type { JobResources, Slot, SlotLogLine } from "./slot.ts";
import type { SlotPool } from "./slot_pool.ts";
import { stageFailure, stageTimeoutEnd } from "./stage_timeout.ts";

/** How LiveKit's server is told about a job that it knows; absent for directly placed jobs. */
export interface LivekitJobLink {
  livekitJobId: string;
  /** False when it can't be told any more. */
  report(status: "running" | "succeeded" | "failed", error?: string): Promise<boolean>;
  /** Resolves when the server has read everything sent so far (false: connection gone or time over). */
  settle(timeoutMs: number): Promise<boolean>;
}

export interface JobPlan {
  key: JobKey;
  attempt: number;
  agent: string;
  room: string;
  /** Where the child connects to. */
  url: string;
  metadata: unknown;
  participantIdentity: string;
  triggeringParticipant: string | null;
  traceparent: string | null;
  readiness: "connected" | "explicit";
  shutdownGraceMs: number;
  /** Longest time from entry to end; null: none. */
  timeoutMs: number | null;
  /** The job ends when no human was in its room for so long; 0: never. */
  aloneTimeoutMs: number;
  mintToken: () => Promise<string>;
  livekit: LivekitJobLink | null;
  /** One of the jobs, one per participant, of a dispatch that goes on whatever becomes of this one. */
  isStanding?: boolean;
}

export interface JobListener {
  stage(stage: "entered" | "connected" | "ready", at: Date, pid: number | null): void;
  log(line: SlotLogLine): void;
  span?(span: SpanMessage): void;
  /** Something was noticed about the job; it goes on. */
  flagged?(flag: string): void;
  /** The end is recorded; the child is about to leave. `next` says what becomes of the dispatch. */
  ended(end: JobEnd, at: Date, next: NextStep): void;
}

export interface RunningJob {
  readonly plan: JobPlan;
  /** Resolves when the job's process is gone and everything about it is recorded. Never rejects. */
  readonly gone: Promise<JobEnd>;
  cancel(reason: CancelReason, graceMs: number): void;
  /** A message to its process; false when there is none (yet, or any more). */
  send(message: ParentMessage): boolean;
  /** Hears what its process says besides the stages, until the returned function is called. */
  listen(hear: (message: ChildMessage) => void): () => void;
}

export interface JobRunnerOptions extends RecorderOptions {
  pool: Pick<SlotPool, "take" | "turnToTake">;
  limits: JobWatchLimits;
  /** What may hold up jobs here now, each a sentence. */
  circumstances?: () => readonly string[];
  /** What becomes of the dispatch of a job that has ended; it ends with it unless this says otherwise. */
  decideNext?: (plan: JobPlan, end: JobEnd, at: Date) => Promise<NextStep> | NextStep;
  logger: Logger;
  now?: () => Date;
}

/** Bound of waiting for LiveKit to have read a job's final status. */
const SETTLE_TIMEOUT_MS = 1_000;
/** Longest grace of a job that is stuck before it was ready: somebody waits for the next attempt. */
const STUCK_GRACE_MS = 2_000;
const FINAL: NextStep = { kind: "final" };

export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #now: () => Date;
  readonly #running = new Map<string, RunningJob>();

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Starts a job that is already stored as assigned to us. `release` gives its slot back. */
  start(plan: JobPlan, listener: JobListener, release: () => void): RunningJob {
    const pending: { reason: CancelReason; graceMs: number }[] = [];
    let slot: Slot | null = null;
    const cancel = (reason: CancelReason, graceMs: number) => {
      if (slot) slot.cancel(reason, graceMs);
      else pending.push({ reason, graceMs });
    };
    const onSlot = (taken: Slot) => {
      slot = taken;
      for (const { reason, graceMs } of pending) taken.cancel(reason, graceMs);
    };
    const ears = new Set<(message: ChildMessage) => void>();
    const hear = (message: ChildMessage) => ears.forEach((ear) => ear(message));
    const gone = this.#run(plan, listener, onSlot, hear).finally(() => {
      this.#running.delete(plan.key.jobId);
      release();
    });
    const job: RunningJob = {
      plan,
      gone,
      cancel,
      send: (message) => slot?.send(message) ?? false,
      listen: (ear) => {
        ears.add(ear);
        return () => void ears.delete(ear);
      },
    };
    this.#running.set(plan.key.jobId, job);
    return job;
  }

  find(jobId: string): RunningJob | null {
    return this.#running.get(jobId) ?? null;
  }

  findByLivekitJobId(livekitJobId: string): RunningJob | null {
    return this.list().find((job) => job.plan.livekit?.livekitJobId === livekitJobId) ?? null;
  }

  list(): RunningJob[] {
    return [...this.#running.values()];
  }

  get count(): number {
    return this.#running.size;
  }

  async #run(
    plan: JobPlan,
    listener: JobListener,
    onSlot: (slot: Slot) => void,
    hear: (message: ChildMessage) => void,
  ): Promise<JobEnd> {
    const logger = this.#options.logger.with({
      job: plan.key.jobId,
      dispatch: plan.key.dispatchId,
      room: plan.room,
      agent: plan.agent,
    });
    const recorder = new JobRecorder(plan.key, { ...this.#options, logger });
    let endsRecorded: Promise<void> | null = null;
    const recordEnd = (end: JobEnd) => endsRecorded ??= this.#recordEnd(plan, recorder, listener, end, logger);
    const stuck = new StuckJob();
    const endOf = (said: JobEnd) => stageTimeoutEnd(deadlineEnd(said, plan.timeoutMs), stuck.failure);
    const watch = this.#watch(plan, recorder, listener, stuck, logger);
    let used: JobResources | null = null as JobResources | null;
    try {
      const token = await stuck.orSettled(plan.mintToken());
      await stuck.orSettled(this.#options.pool.turnToTake(plan.agent));
      const slot = stuck.slot = this.#options.pool.take(plan.agent);
      onSlot(slot);
      const said = await slot.run(startOf(plan, token), {
        entered: (at) => {
          watch.entered();
          listener.stage("entered", at, slot.pid);
          recorder.entered(slot.pid, at);
          void plan.livekit?.report("running").catch((error) =>
            logger.warn("could not report a job as running", { error })
          );
        },
        connected: (at) => {
          watch.connected();
          this.#stage("connected", at, recorder, listener, slot);
        },
        ready: (at) => {
          watch.ready();
          this.#stage("ready", at, recorder, listener, slot);
        },
        log: (line) => listener.log(line),
        span: (span) => listener.span?.(span),
        message: hear,
        resources: (latest) => used = latest,
        flagged: (flag, message) => this.#noteFlag(flag, message, recorder, listener, logger),
        finished: (finished) => {
          watch.ended();
          return recordEnd(endOf(finished));
        },
      });
      const end = endOf(said);
      await recordEnd(end);
      if (used) recorder.resources({ peakMemoryBytes: used.peakRssBytes, cpuMs: Math.round(used.cpuMs) });
      return end;
    } catch (error) {
      logger.error("job could not be run", { error });
      const message = error instanceof Error ? error.message : String(error);
      const failure = stuck.failure ?? { kind: "not_started", message };
      const end: JobEnd = { outcome: "failed", endReason: "process_gone", failure };
      await recordEnd(end);
      return end;
    } finally {
      watch.ended();
    }
  }

  #watch(plan: JobPlan, recorder: JobRecorder, listener: JobListener, stuck: StuckJob, logger: Logger): JobWatch {
    return new JobWatch({
      plan,
      limits: this.#options.limits,
      onFlag: (flag, message) => this.#noteFlag(flag, message, recorder, listener, logger),
      onDeadline: () => stuck.slot?.cancel("deadline", plan.shutdownGraceMs),
      onStuck: (stage) => {
        const failure = stageFailure(stage, this.#options.circumstances?.() ?? []);
        logger.warn("a job is stuck and is ended", { stage: stage.stage, error: failure.message });
        listener.log({ level: "error", message: failure.message, at: this.#now() });
        stuck.end(failure, Math.min(plan.shutdownGraceMs, STUCK_GRACE_MS));
      },
    });
  }

  #noteFlag(flag: string, message: string, recorder: JobRecorder, listener: JobListener, logger: Logger): void {
    recorder.flag(flag);
    logger.warn(message, { flag });
    listener.log({ level: "warn", message, at: this.#now() });
    listener.flagged?.(flag);
  }

  #stage(stage: "connected" | "ready", at: Date, recorder: JobRecorder, listener: JobListener, slot: Slot): void {
    listener.stage(stage, at, slot.pid);
    recorder.stage(stage, at);
  }

  /** A decision that can't be made ends the dispatch with its job, rather than leave it without an end. */
  async #next(plan: JobPlan, end: JobEnd, at: Date, logger: Logger): Promise<NextStep> {
    try {
      return await this.#options.decideNext?.(plan, end, at) ?? FINAL;
    } catch (error) {
      logger.error("what becomes of the dispatch could not be decided; it ends with its job", { error });
      return FINAL;
    }
  }

  /** Record, then tell LiveKit, then tell whoever waits; only the first end counts. */
  async #recordEnd(
    plan: JobPlan,
    recorder: JobRecorder,
    listener: JobListener,
    end: JobEnd,
    logger: Logger,
  ): Promise<void> {
    const at = this.#now();
    const next = await this.#next(plan, end, at, logger);
    const written = await recorder.ended(end, at, next);
    const fields = end.outcome === "failed" ? { kind: end.failure.kind, error: end.failure.message } : {};
    logger.info("job ended", { outcome: end.outcome, endReason: end.endReason, ...fields });
    // Refused: the job was taken over, and its dispatch goes on without us.
    listener.ended(end, at, written === "refused" ? { kind: "none" } : next);
    if (!plan.livekit) return;
    if (end.outcome === "failed") {
      await plan.livekit.report("failed", withErrorStatus(end.failure.kind, end.failure.message));
    } else await plan.livekit.report("succeeded");
    // The server reads frames in order, so its pong proves that it took the status (livekit.md 7b).
    if (!await plan.livekit.settle(SETTLE_TIMEOUT_MS)) logger.warn("LiveKit did not confirm the job's final status");
  }
}

/** A job that may get stuck: in its slot, or before it has one. */
class StuckJob {
  slot: Slot | null = null;
  failure: JobFailure | null = null;
  readonly #ended = Promise.withResolvers<never>();

  constructor() {
    this.#ended.promise.catch(() => {}); // mostly nobody waits for it
  }

  end(failure: JobFailure, graceMs: number): void {
    this.failure = failure;
    this.slot?.cancel("deadline", graceMs);
    this.#ended.reject(new Error(failure.message));
  }

  /** What the job needs before it has a slot; rejects when it is stuck there. */
  orSettled<T>(needed: Promise<T>): Promise<T> {
    return Promise.race([needed, this.#ended.promise]);
  }
}

/** What the child is told of the job. */
function startOf(plan: JobPlan, token: string): JobStart {
  return {
    jobId: plan.key.jobId,
    dispatchId: plan.key.dispatchId,
    attempt: plan.attempt,
    agent: plan.agent,
    room: plan.room,
    url: plan.url,
    token,
    participantIdentity: plan.participantIdentity,
    metadata: plan.metadata,
    ...(plan.triggeringParticipant === null ? {} : { triggeringParticipant: plan.triggeringParticipant }),
    ...(plan.traceparent === null ? {} : { traceparent: plan.traceparent }),
    readiness: plan.readiness,
    shutdownGraceMs: plan.shutdownGraceMs,
    ...(plan.timeoutMs === null ? {} : { timeoutMs: plan.timeoutMs }),
    aloneTimeoutMs: plan.aloneTimeoutMs,
  };
}
