/**
 * Watches one job from outside, for what it may fail to do:
 *
 *   assigned ─▶ entered within `enteredTimeoutMs`, else `onStuck`
 *   entered ─▶ connected within `neverConnectedMs`, else flag never_connected; within `connectedTimeoutMs`, else `onStuck`
 *           └▶ ended within its time limit and BACKSTOP_MS, else `onDeadline`: the job was to end by itself and did not
 *   connected ─▶ ready, when readiness is explicit: within `neverReadyMs`, else flag never_ready; within `readyTimeoutMs`,
 *                else `onStuck`
 *
 * A flag changes nothing about the job: an agent may have its reasons. Each is raised at most once. `onStuck` is called at
 * most once, and never for a job that is ready or has ended; a limit of 0 is none.
 */
import {
  nextStageDeadline,
  overdueStage,
  type StageDeadline,
  type StageLimits,
  type StageTimes,
} from "./stage_timeout.ts";

export type WatchFlag = "never_connected" | "never_ready";

export interface JobWatchLimits extends StageLimits {
  /** From entry to connected. */
  neverConnectedMs: number;
  /** From connected to ready. */
  neverReadyMs: number;
}

export interface JobWatchOptions {
  plan: { timeoutMs: number | null; readiness: "connected" | "explicit" };
  limits: JobWatchLimits;
  onFlag(flag: WatchFlag, message: string): void;
  onDeadline(): void;
  onStuck(stage: StageDeadline): void;
}

/** What a job may take beyond its time limit, which it keeps by itself, before it is told from outside. */
const BACKSTOP_MS = 1_000;
/** A look that comes so late (this process was stopped) first lets what the job said meanwhile be read. */
const LATE_MS = 1_000;
const CATCH_UP_MS = 200;

export class JobWatch {
  readonly #options: JobWatchOptions;
  readonly #times: StageTimes = { assignedMs: performance.now(), enteredMs: null, connectedMs: null, readyMs: null };
  #flag: ReturnType<typeof setTimeout> | undefined;
  #stage: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(options: JobWatchOptions) {
    this.#options = options;
    this.#timeStage();
  }

  entered(): void {
    const { plan: { timeoutMs }, limits: { neverConnectedMs }, onFlag, onDeadline } = this.#options;
    this.#times.enteredMs = performance.now();
    if (timeoutMs !== null) this.#deadline = setTimeout(onDeadline, timeoutMs + BACKSTOP_MS);
    const message = `The agent did not connect to its room within ${neverConnectedMs / 1_000} s`;
    this.#flag = setTimeout(() => onFlag("never_connected", message), neverConnectedMs);
    this.#timeStage();
  }

  connected(): void {
    clearTimeout(this.#flag);
    this.#times.connectedMs = performance.now();
    this.#timeStage();
    const { plan: { readiness }, limits: { neverReadyMs }, onFlag } = this.#options;
    if (readiness !== "explicit") return;
    const message = `The agent connected but did not say that it is ready within ${neverReadyMs / 1_000} s`;
    this.#flag = setTimeout(() => onFlag("never_ready", message), neverReadyMs);
  }

  ready(): void {
    clearTimeout(this.#flag);
    this.#times.readyMs = performance.now();
    this.#timeStage();
  }

  ended(): void {
    for (const timer of [this.#flag, this.#stage, this.#deadline]) clearTimeout(timer);
  }

  #timeStage(): void {
    clearTimeout(this.#stage);
    const { plan: { readiness }, limits } = this.#options;
    const next = nextStageDeadline(this.#times, readiness, limits);
    if (next !== null) this.#stage = setTimeout(() => this.#look(), Math.max(0, next.dueMs - performance.now()));
  }

  #look(isSecond = false): void {
    const { plan: { readiness }, limits, onStuck } = this.#options;
    const nowMs = performance.now();
    const overdue = overdueStage(this.#times, readiness, limits, nowMs);
    // Timers may be early by less than a millisecond.
    if (overdue === null) this.#timeStage();
    else if (!isSecond && nowMs - overdue.dueMs > LATE_MS) {
      this.#stage = setTimeout(() => this.#look(true), CATCH_UP_MS);
    } else onStuck(overdue);
  }
}
