/**
 * Whether this instance takes jobs, as its operator wants it.
 *
 *   serving ⇄ cordoned          no new jobs; what runs goes on
 *      │          │
 *      └── drain ─┴▶ draining ── all jobs ended ──▶ drained (idle)       uncordon leads back to serving from each of them
 *                       └ at the deadline what still runs is cancelled ("drain"); forced: at once ("shutdown")
 *
 * Guarantees: no job ends by a drain before its deadline; what was admitted before (an accepted offer whose assignment is
 * still on its way) is waited for like a job; a second `drain` only moves the deadline. What waits in the queue stays there.
 * A drain with `then: "stop"` can't be undone. It acts in memory, at once; the instance's row follows, and when it can't be
 * written that is logged: the other instances then see the state before.
 */
import type { Admission } from "../capacity/admission.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { JobRunner } from "../runtime/job_runner.ts";

export type ControlPhase = "serving" | "cordoned" | "draining" | "drained";

/** As the instance's row has it. */
export interface Intake {
  state: "running" | "draining";
  cordonedAt: Date | null;
  drainDeadlineAt: Date | null;
}

export interface DrainRequest {
  actor: string;
  /** From now. */
  deadlineMs: number;
  /** "stop": the program ends afterwards. */
  then: "stay" | "stop";
}

export interface DrainEnd {
  /** Why it is over. "idle": every job ended by itself. "undone": uncordoned. */
  by: "idle" | "deadline" | "force" | "undone";
  /** Jobs that were told to end. */
  cancelled: number;
  /** Jobs that had not ended when it was given up: their processes are killed with the program. */
  left: number;
}

export interface ControlStatus {
  phase: ControlPhase;
  cordonedAt: Date | null;
  /** Who asked for it; null while it serves. */
  by: string | null;
  drain: { startedAt: Date; deadlineAt: Date; isEnding: boolean } | null;
}

export interface InstanceControlOptions {
  admission: Pick<Admission, "setAdmitting" | "stopAdmitting" | "snapshot" | "onChange">;
  runner: Pick<JobRunner, "list" | "count">;
  /** Writes the instance's row; a rejection is logged. */
  record: (intake: Intake) => Promise<void>;
  /** Called after every change of `status`; not for jobs that end. */
  onChange?: () => void;
  /** Lets agents take jobs again that were stopped here (capacity/agent_stops.ts); returns which. */
  liftStops?: () => readonly string[];
  /** Jobs are taken again. */
  onOpened?: () => void;
  logger: Logger;
  now?: () => Date;
}

interface Drain {
  readonly startedAt: Date;
  deadlineAtMs: number;
  then: DrainRequest["then"];
  isForced: boolean;
  isOver: boolean;
  /** Ids of the jobs that were told to end. */
  readonly cancelled: Set<string>;
  /** When what was told to end is waited for no longer; null until then. */
  giveUpAtMs: number | null;
  ended: Promise<DrainEnd>;
}

/** Beyond the jobs' own grace, for killed processes to be seen and recorded. */
const GIVE_UP_MARGIN_MS = 3_000;
/** Backstop: every end of a job rings. */
const LOOK_EVERY_MS = 1_000;
const NEVER = new AbortController().signal;

export class InstanceControl {
  readonly #options: InstanceControlOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();
  #cordonedAt: Date | null = null;
  #by: string | null = null;
  #drain: Drain | null = null;
  /** Rows are written one after another, each as things are then. */
  #recording: Promise<void> = Promise.resolve();

  constructor(options: InstanceControlOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  status(): ControlStatus {
    const drain = this.#drain;
    const phase = drain ? drain.isOver ? "drained" : "draining" : this.#cordonedAt ? "cordoned" : "serving";
    const isEnding = drain !== null && drain.cancelled.size > 0;
    const shown = drain && { startedAt: drain.startedAt, deadlineAt: new Date(drain.deadlineAtMs), isEnding };
    return { phase, cordonedAt: this.#cordonedAt, by: this.#by, drain: shown };
  }

  /** No new jobs from now on. A drain goes on. Resolves when it is recorded; never rejects. */
  cordon(actor: string): Promise<void> {
    if (this.#cordonedAt !== null) return this.#recording;
    this.#close(actor);
    this.#options.admission.setAdmitting("cordoned");
    this.#options.logger.info("cordoned: no new jobs", { actor });
    return this.#changed();
  }

  /** Takes jobs again, also of agents that were stopped here, and ends a drain. False: the program is ending. Resolves when it is recorded; never rejects. */
  async uncordon(actor: string): Promise<boolean> {
    if (this.#drain?.then === "stop") return false;
    const lifted = this.#options.liftStops?.() ?? [];
    if (lifted.length > 0) {
      this.#options.logger.info("stopped agents take jobs again", { actor, agents: lifted.join() });
    }
    if (this.#cordonedAt === null) {
      if (lifted.length > 0) this.#options.onOpened?.();
      return true;
    }
    this.#cordonedAt = this.#by = this.#drain = null;
    this.#alarm.ring();
    this.#options.admission.setAdmitting(null);
    this.#options.logger.info("uncordoned: jobs are taken again", { actor });
    this.#options.onOpened?.();
    await this.#changed();
    return true;
  }

  /** Starts a drain, or moves the deadline of the present one. `ended` resolves when it is over; it never rejects. */
  drain({ actor, deadlineMs, then }: DrainRequest): { recorded: Promise<void>; ended: Promise<DrainEnd> } {
    const { admission, logger } = this.#options;
    const deadlineAtMs = this.#now().getTime() + deadlineMs;
    const present = this.#drain?.isOver ? null : this.#drain;
    this.#close(actor);
    if (then === "stop") admission.stopAdmitting();
    else admission.setAdmitting("draining");
    const drain: Drain = present ?? {
      startedAt: this.#now(),
      ...{ deadlineAtMs, then, isForced: false, isOver: false, cancelled: new Set(), giveUpAtMs: null },
      ended: Promise.resolve({ by: "idle", cancelled: 0, left: 0 }),
    };
    // Who asks the program to end does not give running jobs more time than the operator did.
    drain.deadlineAtMs = present && then === "stop" ? Math.min(present.deadlineAtMs, deadlineAtMs) : deadlineAtMs;
    if (then === "stop") drain.then = then;
    this.#drain = drain;
    if (present) this.#alarm.ring();
    else drain.ended = this.#run(drain);
    logger.info("draining: running jobs may end by themselves", {
      actor,
      deadlineMs,
      running: this.#options.runner.count,
    });
    return { recorded: this.#changed(), ended: drain.ended };
  }

  /** Ends what a drain still waits for, now. */
  force(): void {
    if (this.#drain === null) return;
    this.#drain.isForced = true;
    this.#alarm.ring();
  }

  #close(actor: string): void {
    this.#cordonedAt ??= this.#now();
    this.#by = actor;
  }

  async #run(drain: Drain): Promise<DrainEnd> {
    const { admission, logger } = this.#options;
    const stopListening = admission.onChange(() => this.#alarm.ring());
    try {
      while (this.#drain === drain && this.#isBusy(drain)) {
        const nowMs = this.#now().getTime();
        if (drain.isForced || nowMs >= drain.deadlineAtMs) this.#endJobs(drain, nowMs);
        if (drain.giveUpAtMs !== null && nowMs >= drain.giveUpAtMs) break;
        const untilMs = drain.giveUpAtMs ?? drain.deadlineAtMs;
        await this.#alarm.wait(Math.max(0, Math.min(untilMs - nowMs, LOOK_EVERY_MS)), NEVER);
      }
    } finally {
      stopListening();
    }
    drain.isOver = true;
    const end = this.#endOf(drain);
    if (end.left > 0) logger.error("jobs did not end in time; their processes are killed", { running: end.left });
    logger.info("the drain is over", { ...end });
    this.#options.onChange?.();
    return end;
  }

  /** A slot that is held without a job belongs to an accepted offer. Forced, only jobs count. */
  #isBusy({ isForced }: Drain): boolean {
    const { admission, runner } = this.#options;
    return runner.count > 0 || (!isForced && admission.snapshot().used > 0);
  }

  /** Each job is told once; one that begins later, too. */
  #endJobs(drain: Drain, nowMs: number): void {
    const { runner } = this.#options;
    drain.giveUpAtMs ??= nowMs + GIVE_UP_MARGIN_MS;
    for (const job of runner.list()) {
      const { key: { jobId }, shutdownGraceMs } = job.plan;
      if (drain.cancelled.has(jobId)) continue;
      drain.cancelled.add(jobId);
      drain.giveUpAtMs = Math.max(drain.giveUpAtMs, nowMs + shutdownGraceMs + GIVE_UP_MARGIN_MS);
      job.cancel(drain.isForced ? "shutdown" : "drain", shutdownGraceMs);
    }
  }

  #endOf(drain: Drain): DrainEnd {
    const { cancelled: { size: cancelled } } = drain;
    if (this.#drain !== drain) return { by: "undone", cancelled, left: 0 };
    const by = cancelled === 0 ? "idle" : drain.isForced ? "force" : "deadline";
    return { by, cancelled, left: this.#options.runner.count };
  }

  #changed(): Promise<void> {
    this.#options.onChange?.();
    this.#recording = this.#recording.then(() => this.#record());
    return this.#recording;
  }

  async #record(): Promise<void> {
    const drainDeadlineAt = this.#drain && new Date(this.#drain.deadlineAtMs);
    const state = this.#drain ? "draining" : "running";
    try {
      await this.#options.record({ state, cordonedAt: this.#cordonedAt, drainDeadlineAt });
    } catch (error) {
      this.#options.logger.warn("could not record that the instance was cordoned, drained or uncordoned", { error });
    }
  }
}
