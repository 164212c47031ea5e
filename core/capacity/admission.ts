/**
 * Admission: how many jobs this instance may run. A slot is reserved synchronously, in memory, before anything is
 * awaited, so that no burst of offers can ever run more jobs than there are slots (rule 3 of architecture.md 8).
 *
 *   admit → Reservation (held) → release()   exactly once counts; later calls do nothing
 */

export type Refusal = "instance_full" | "agent_full" | "draining";

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
  byAgent: Record<string, number>;
}

export class Admission {
  readonly #maxJobs: number;
  /** Per-agent limits; an agent that is not in here is bound by the instance's limit only. */
  readonly #maxJobsOfAgent: (agent: string) => number;
  readonly #usedByAgent = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #used = 0;
  #isAdmitting = true;

  constructor(maxJobs: number, maxJobsOfAgent: (agent: string) => number = () => Infinity) {
    this.#maxJobs = maxJobs;
    this.#maxJobsOfAgent = maxJobsOfAgent;
  }

  /** Reserves a slot for one job of `agent`, or says which limit stands against it. */
  admit(agent: string): Admitted {
    const refusal = this.#refusal(agent);
    if (refusal) return { ok: false, refusal };
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
          this.#used -= 1;
          this.#usedByAgent.set(agent, this.usedBy(agent) - 1);
          this.#changed();
        },
      },
    };
  }

  /** How many more jobs of `agent` fit now. */
  freeFor(agent: string): number {
    if (!this.#isAdmitting) return 0;
    return Math.max(0, Math.min(this.#maxJobs - this.#used, this.#maxJobsOfAgent(agent) - this.usedBy(agent)));
  }

  usedBy(agent: string): number {
    return this.#usedByAgent.get(agent) ?? 0;
  }

  /** Used share of what bounds `agent`, 0..1: what its worker reports as load. */
  loadRatioOf(agent: string): number {
    const ofAgent = this.usedBy(agent) / this.#maxJobsOfAgent(agent);
    return Math.min(1, Math.max(this.#used / this.#maxJobs, ofAgent));
  }

  /** Drain or cordon: nothing more is admitted; what runs keeps its slot. */
  stopAdmitting(): void {
    this.#isAdmitting = false;
    this.#changed();
  }

  /** Calls `listener` after every change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  snapshot(): AdmissionSnapshot {
    const byAgent = Object.fromEntries([...this.#usedByAgent].filter(([, used]) => used > 0));
    return { maxJobs: this.#maxJobs, used: this.#used, isAdmitting: this.#isAdmitting, byAgent };
  }

  #refusal(agent: string): Refusal | null {
    if (!this.#isAdmitting) return "draining";
    if (this.#used >= this.#maxJobs) return "instance_full";
    if (this.usedBy(agent) >= this.#maxJobsOfAgent(agent)) return "agent_full";
    return null;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
