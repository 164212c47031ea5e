/**
 * Admission: how many jobs this instance may run. A slot is reserved synchronously, in memory, before anything is
 * awaited, so that no burst of offers can ever run more jobs than there are slots (rule 3 of architecture.md 8).
 *
 *   admit → Reservation (held) → release()   exactly once counts; later calls do nothing
 *
 * What stands against a job, in this order: the instance ends (for good) · it is cordoned or drained (may be undone) · the
 * agent's crash breaker · a resource limit that is reached (resource_limiter.ts) · its slots · the agent's slots · a limit that the job would pass.
 */
import { jobCountLoad } from "./load_calculator.ts";
import {
  ResourceLimiter,
  type ResourceLimitState,
  type ResourceNeed,
  type ResourceRefusal,
} from "./resource_limiter.ts";

/** Why nothing is let in: the operator said so, or the program ends. */
export type StopReason = "cordoned" | "draining" | "stopping";
export type Refusal = "instance_full" | "agent_full" | "breaker_open" | "agent_stopped" | StopReason | ResourceRefusal;

/** Keeps the jobs of an agent away that crashes again and again (recovery/breaker_board.ts), or was stopped here. */
export interface StartGate {
  /** Jobs of the agent that may start now: all (Infinity), none, or one that tries. */
  mayStart(agent: string): number;
  /** Why none; "breaker_open" unless said. */
  refusal?(agent: string): "breaker_open" | "agent_stopped";
  /** One of them is about to. */
  started(agent: string): void;
}

export interface Reservation {
  readonly agent: string;
  /** Gives the slot back. Idempotent. */
  release(): void;
}

export type Admitted = { ok: true; reservation: Reservation } | { ok: false; refusal: Refusal };

export interface AdmissionSnapshot {
  maxJobs: number;
  used: number;
  isAdmitting: boolean;
  /** Why nothing is admitted; null while jobs are. */
  stopReason: StopReason | null;
  byAgent: Record<string, number>;
  /** The resource limits that are set. */
  limits: ResourceLimitState[];
}

export interface AdmissionOptions {
  limiter?: ResourceLimiter;
  gate?: StartGate;
  /** What one more job of an agent, or of any, is going to take. */
  needOfJob?: (agent: string | null) => ResourceNeed;
}

/**
 * Refusals that last until somebody or something changes, rather than until a job ends: worth telling who waits. An
 * instance that stops will not be there to take them back, so it tells none.
 */
export function isLastingRefusal(refusal: Refusal): boolean {
  return refusal !== "instance_full" && refusal !== "agent_full" && refusal !== "stopping";
}

const OPEN_GATE: StartGate = { mayStart: () => Infinity, started: () => {} };

export class Admission {
  readonly #maxJobs: number;
  /** Per-agent limits; an agent that is not in here is bound by the instance's limit only. */
  readonly #maxJobsOfAgent: (agent: string) => number;
  readonly #usedByAgent = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #limiter: ResourceLimiter;
  readonly #gate: StartGate;
  readonly #needOfJob: (agent: string | null) => ResourceNeed;
  #used = 0;
  #isEnding = false;
  #stopReason: Exclude<StopReason, "stopping"> | null = null;

  constructor(
    maxJobs: number,
    maxJobsOfAgent: (agent: string) => number = () => Infinity,
    { limiter = new ResourceLimiter(), gate = OPEN_GATE, needOfJob = () => ({}) }: AdmissionOptions = {},
  ) {
    this.#maxJobs = maxJobs;
    this.#maxJobsOfAgent = maxJobsOfAgent;
    this.#limiter = limiter;
    this.#gate = gate;
    this.#needOfJob = needOfJob;
    limiter.onLimit(() => this.#changed());
  }

  /** Reserves a slot for one job of `agent`, or says which limit stands against it. */
  admit(agent: string): Admitted {
    const refusal = this.refusalFor(agent);
    if (refusal) return { ok: false, refusal };
    const resources = this.#limiter.reserve(this.#needOfJob(agent), "grown");
    this.#gate.started(agent);
    this.#used += 1;
    this.#usedByAgent.set(agent, this.usedBy(agent) + 1);
    this.#changed();
    let isHeld = true;
    return {
      ok: true,
      reservation: {
        agent,
        release: () => {
          if (!isHeld) return;
          isHeld = false;
          resources.release();
          this.#used -= 1;
          this.#usedByAgent.set(agent, this.usedBy(agent) - 1);
          this.#changed();
        },
      },
    };
  }

  /** What stands against one more job of `agent`; null when nothing does. */
  refusalFor(agent: string): Refusal | null {
    if (this.#stopped !== null) return this.#stopped;
    if (this.#gate.mayStart(agent) === 0) return this.#gate.refusal?.(agent) ?? "breaker_open";
    const reached = this.#limiter.refusal();
    if (reached) return reached;
    if (this.#used >= this.#maxJobs) return "instance_full";
    if (this.usedBy(agent) >= this.#maxJobsOfAgent(agent)) return "agent_full";
    return this.#limiter.refusal(this.#needOfJob(agent));
  }

  /** How many more jobs of `agent` fit now. */
  freeFor(agent: string): number {
    const ofAgent = this.#maxJobsOfAgent(agent) - this.usedBy(agent);
    const fitting = this.#limiter.fits(this.#needOfJob(agent));
    return Math.max(0, Math.min(this.freeSlots, ofAgent, fitting, this.#gate.mayStart(agent)));
  }

  /** Free by the limit of jobs alone; 0 while none are admitted. */
  get freeSlots(): number {
    return this.#stopped === null ? this.#maxJobs - this.#used : 0;
  }

  /** How many more jobs the resource limits let in; Infinity without limits. */
  get withinLimits(): number {
    return this.#limiter.fits(this.#needOfJob(null));
  }

  usedBy(agent: string): number {
    return this.#usedByAgent.get(agent) ?? 0;
  }

  /** Most jobs of `agent` here. */
  maxJobsOf(agent: string): number {
    return Math.min(this.#maxJobs, this.#maxJobsOfAgent(agent));
  }

  /** Used share of what bounds `agent`, 0..1, by jobs alone. */
  loadRatioOf(agent: string): number {
    const ofAgent = this.#maxJobsOfAgent(agent);
    const ofInstance = jobCountLoad({ usedJobs: this.#used, maxJobs: this.#maxJobs });
    if (ofAgent === Infinity) return ofInstance;
    return Math.max(ofInstance, jobCountLoad({ usedJobs: this.usedBy(agent), maxJobs: ofAgent }));
  }

  /** The program ends: nothing more is admitted, for good; what runs keeps its slot. */
  stopAdmitting(): void {
    this.#isEnding = true;
    this.#changed();
  }

  /** Cordon or drain by the operator; null takes jobs again, unless the program ends. What runs keeps its slot. */
  setAdmitting(reason: "cordoned" | "draining" | null): void {
    if (this.#stopReason === reason) return;
    this.#stopReason = reason;
    this.#changed();
  }

  /** The gate says something else now: listeners are told. */
  gateChanged(): void {
    this.#changed();
  }

  /** Calls `listener` after every change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  snapshot(): AdmissionSnapshot {
    const byAgent = Object.fromEntries([...this.#usedByAgent].filter(([, used]) => used > 0));
    const stopReason = this.#stopped;
    const limits = this.#limiter.snapshot();
    return { maxJobs: this.#maxJobs, used: this.#used, isAdmitting: stopReason === null, stopReason, byAgent, limits };
  }

  get #stopped(): StopReason | null {
    return this.#isEnding ? "stopping" : this.#stopReason;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
