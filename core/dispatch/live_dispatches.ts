/**
 * The dispatches that this instance is working on or that somebody here waits for, as they are right now, in memory.
 * `wait=ready` is answered from here the moment a stage is stamped; the database follows within milliseconds.
 *
 * Entries are added when a dispatch is requested or claimed here, and dropped when it ended, or when it only waits in
 * the queue and nobody here waits for it.
 */
import type { NextStep } from "../../db/job_changes.ts";
import type { DispatchState, JobState } from "../../db/schema/states.ts";
import { errorStatusOf } from "../runtime/error_status.ts";
import { failureClassOf, type FailureExplanation } from "../runtime/failure_explanation.ts";
import type { JobEnd } from "../runtime/job_end.ts";
import { isFinalDispatchState } from "../../db/lifecycle.ts";
import { changesBetween } from "./changes_between.ts";
import { type DispatchView, failureView, type JobView } from "./dispatch_view.ts";
import type { Wait } from "./dispatch_request.ts";
import type { DispatchChange } from "./dispatch_updates.ts";

/** Told of every change; it must neither throw nor keep the view, which goes on changing. */
export type OnDispatchChange = (view: DispatchView, change: DispatchChange) => void;

export type WaitOutcome = "reached" | "ended" | "timed_out";

/** Jobs of a standing dispatch that are kept here; older ones that have ended are in the database. */
const MAX_KEPT_JOBS = 50;

export class LiveDispatch {
  readonly view: DispatchView;
  readonly #waiters = new Set<() => void>();
  readonly #onChange: OnDispatchChange;

  constructor(view: DispatchView, onChange: OnDispatchChange = () => {}) {
    this.view = view;
    this.#onChange = onChange;
  }

  /** The present job: the last attempt. */
  get job(): JobView | null {
    return this.view.jobs.at(-1) ?? null;
  }

  get isEnded(): boolean {
    return isFinalDispatchState(this.view.state);
  }

  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }

  /** It is stored, and waits for a slot or for LiveKit. */
  requested(): void {
    this.#changed({ kind: "requested" });
  }

  assigned(job: JobView): void {
    this.view.jobs.push(job);
    if (this.isStanding && this.view.state === "running") {
      this.#forgetOldJobs();
    } else {
      this.view.state = "placed";
      this.view.stages.assignedAt = job.stages.assignedAt;
    }
    this.view.waitingReason = null;
    this.#changed({ kind: "assigned" });
  }

  /** LiveKit starts a job of it for each participant, so that it goes on when one of them ends. */
  get isStanding(): boolean {
    const { placement, participantIdentity } = this.view;
    return placement === "livekit" && participantIdentity === null && (this.job?.participant ?? null) !== null;
  }

  /** @param job the last one unless said otherwise. */
  stage(stage: "entered" | "connected" | "ready", at: Date, pid: number | null, job: JobView | null = this.job): void {
    if (!job) return;
    const field = `${stage}At` as const;
    job.stages[field] = at.toISOString();
    job.pid = pid;
    // Of a dispatch with a job per participant, what its first job reached.
    if (!this.isStanding || this.view.stages[field] === null) this.view.stages[field] = at.toISOString();
    if (stage === "entered") {
      job.state = "running";
      job.isolation = pid === null ? "inline" : "process";
      this.view.state = "running";
    }
    this.#changed({ kind: "stage", stage });
  }

  /** @param next what becomes of the dispatch; it ends with its job unless this says otherwise. */
  jobEnded(
    end: JobEnd,
    at: Date,
    explanation: FailureExplanation | null,
    job: JobView | null = this.job,
    next: NextStep = { kind: "final" },
  ): void {
    if (job) {
      job.state = end.outcome satisfies JobState;
      job.endReason = end.endReason;
      job.stages.endedAt = at.toISOString();
      job.failure = failureOf(end);
    }
    if (this.isStanding || next.kind === "none") this.#changed({ kind: "job_ended" });
    else if (next.kind === "retry") this.#retries();
    else this.ended(end.outcome, at, explanation);
  }

  ended(
    state: Extract<DispatchState, "succeeded" | "failed" | "cancelled" | "expired">,
    at: Date,
    failure: FailureExplanation | null,
  ): void {
    if (this.isEnded) return;
    this.view.state = state;
    this.view.stages.endedAt = at.toISOString();
    this.view.waitingReason = null;
    this.view.failure = failure && { ...failure, errorStatus: errorStatusOf(failure.code) };
    this.#changed({ kind: "ended" });
  }

  /** LiveKit does not place it: it waits in our own queue. */
  movesToQueue(reason: string): void {
    if (this.view.state !== "queued") return;
    this.view.placement = "direct";
    this.waits(reason);
  }

  waits(reason: string | null): void {
    this.view.waitingReason = reason;
    this.#changed({ kind: "waits" });
  }

  /** Something was noticed about its job. */
  flagged(flag: string, job: JobView | null = this.job): void {
    if (!job || job.flags.includes(flag)) return;
    job.flags.push(flag);
    this.#changed({ kind: "flagged", flag });
  }

  /** Takes over what the database says of it: it goes on elsewhere. */
  refresh(view: DispatchView): void {
    if (this.isEnded) return;
    const changes = changesBetween({ ...this.view }, view);
    Object.assign(this.view, view);
    for (const change of changes) this.#changed(change);
  }

  /** It waits for another attempt, which is placed directly; the stages will be that one's. */
  #retries(): void {
    const { view } = this;
    view.state = "queued";
    view.placement = "direct";
    view.waitingReason = "retrying";
    Object.assign(view.stages, { assignedAt: null, enteredAt: null, connectedAt: null, readyAt: null });
    this.#changed({ kind: "retrying" });
  }

  /** Resolves as soon as the dispatch has got as far as `wait`, has ended before that, or the time is over. */
  reached(wait: Wait, waitMs: number): Promise<WaitOutcome> {
    return new Promise((resolve) => {
      const finish = (outcome: WaitOutcome) => {
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve(outcome);
      };
      const check = () => {
        const outcome = this.#outcomeOf(wait);
        if (outcome) finish(outcome);
      };
      const timer = setTimeout(() => finish("timed_out"), waitMs);
      this.#waiters.add(check);
      check();
    });
  }

  #outcomeOf(wait: Wait): WaitOutcome | null {
    const { stages } = this.view;
    if (wait === "none" || (wait === "accepted" && stages.assignedAt) || (wait === "ready" && stages.readyAt)) {
      return "reached";
    }
    if (!this.isEnded) return null;
    return wait === "done" ? "reached" : "ended";
  }

  #forgetOldJobs(): void {
    const { jobs } = this.view;
    const old = jobs.length > MAX_KEPT_JOBS ? jobs.findIndex(({ stages }) => stages.endedAt !== null) : -1;
    if (old !== -1) jobs.splice(old, 1);
  }

  /** Who waits is answered first. */
  #changed(change: DispatchChange): void {
    for (const waiter of [...this.#waiters]) waiter();
    this.#onChange(this.view, change);
  }
}

/** As the recorder stores it. */
function failureOf(end: JobEnd): JobView["failure"] {
  if (end.outcome === "succeeded" || end.failure === undefined) return null;
  const { kind, message, exitCode, signal, retryAfterMs } = end.failure;
  return failureView({
    kind,
    message,
    exitCode: exitCode ?? null,
    signal: signal ?? null,
    class: end.outcome === "failed" ? failureClassOf(end.failure) : null,
    retryAfterMs: retryAfterMs ?? null,
  });
}

export class LiveDispatches {
  readonly #byId = new Map<string, LiveDispatch>();
  readonly #onChange: OnDispatchChange;

  constructor({ onChange = () => {} }: { onChange?: OnDispatchChange } = {}) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Adds a dispatch, or answers the one that is already here under its id. */
  track(view: DispatchView): LiveDispatch {
    const known = this.#byId.get(view.id);
    if (known) return known;
    const live = new LiveDispatch(view, this.#onChange);
    this.#byId.set(view.id, live);
    return live;
  }

  /** Tells of a change to a dispatch that is not kept here, because it only waited in the queue. */
  announce(view: DispatchView, change: DispatchChange): void {
    this.#onChange(view, change);
  }

  find(id: string): LiveDispatch | null {
    return this.#byId.get(id) ?? null;
  }

  list(): LiveDispatch[] {
    return [...this.#byId.values()];
  }

  /** Drops the entry when nothing here needs it any more. */
  forgetIfIdle(id: string): void {
    const live = this.#byId.get(id);
    if (!live || live.hasWaiters) return;
    if (live.isEnded || live.view.state === "queued") this.#byId.delete(id);
  }
}
