/** One agent's slots: those that wait for a job, those that have one, and how loading them has gone lately. */
import { type Backoff, backoffCeilingMs } from "../resilience/backoff.ts";
import type { OsPermissions } from "./child_permissions.ts";
import type { Slot } from "./slot.ts";

export interface PoolAgent {
  name: string;
  /** Absolute path of the agent file. */
  file: string;
  warmSlots: number;
  osPermissions: OsPermissions;
}

/** What is shown of one agent's slots. */
export interface LaneSnapshot {
  agent: string;
  /** Warm slots that it should have now, under the instance's cap. */
  wanted: number;
  warm: number;
  /** On their way to warm, or to their job. */
  loading: number;
  running: number;
  /** Why the last slot that failed did; null once one got warm again. */
  lastError: string | null;
  /** When the next slot is tried, while failures hold it back. */
  retryAt: Date | null;
}

const RETRY: Backoff = { firstMs: 1_000, maxMs: 60_000 };
/** A failure this long after the one before it starts a new count. */
const FORGET_AFTER_MS = 120_000;

export class SlotLane {
  agent: PoolAgent;
  wanted = 0;
  lastUsedMs = 0;
  /** Untaken, oldest first: loading or warm. */
  readonly idle: Slot[] = [];
  /** Taken, until their process is gone. */
  readonly busy = new Set<Slot>();
  lastError: string | null = null;
  #failures = 0;
  #failedAtMs = -Infinity;

  constructor(agent: PoolAgent) {
    this.agent = agent;
  }

  /** When the next slot may be started, by performance.now(). */
  get retryAtMs(): number {
    return this.#failures === 0 ? -Infinity : this.#failedAtMs + backoffCeilingMs(this.#failures, RETRY);
  }

  /** Counted also for a warm slot that dies unused, so that a crash in the background can't loop without a pause. */
  failed(error: string, nowMs: number): void {
    this.#failures = nowMs - this.#failedAtMs > FORGET_AFTER_MS ? 1 : this.#failures + 1;
    this.#failedAtMs = nowMs;
    this.lastError = error;
  }

  /** A job entered: this agent's processes work. */
  worked(): void {
    this.#failures = 0;
    this.lastError = null;
  }

  /** Takes a warm slot, else the one that has been loading longest; null when none waits. */
  takeIdle(): Slot | null {
    const usable = this.idle.filter((slot) => slot.state !== "gone");
    const slot = usable.find(({ state }) => state === "warm") ?? usable[0];
    if (!slot) return null;
    this.idle.splice(this.idle.indexOf(slot), 1);
    return slot;
  }

  /** Removes and returns the idle slots beyond `wanted`, loading ones first. */
  takeSurplus(): Slot[] {
    const byWorth = [...this.idle].sort((a, b) => Number(b.state === "warm") - Number(a.state === "warm"));
    const surplus = byWorth.slice(this.wanted);
    for (const slot of surplus) this.idle.splice(this.idle.indexOf(slot), 1);
    return surplus;
  }

  snapshot(nowMs: number, now: Date): LaneSnapshot {
    const all = [...this.idle, ...this.busy];
    const loading = all.filter(({ state }) => state === "loading").length;
    return {
      agent: this.agent.name,
      wanted: this.wanted,
      warm: this.idle.filter(({ state }) => state === "warm").length,
      loading,
      running: [...this.busy].filter(({ state }) => state === "running" || state === "finishing").length,
      lastError: this.lastError,
      retryAt: this.retryAtMs > nowMs ? new Date(now.getTime() + this.retryAtMs - nowMs) : null,
    };
  }
}
