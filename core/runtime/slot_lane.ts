/** One agent's processes, the room in them, and how loading them has gone lately. */
import { type Backoff, backoffCeilingMs } from "../resilience/backoff.ts";
import type { OsPermissions } from "./child_permissions.ts";
import type { SlotProcess } from "./slot_process.ts";
import { type Demand, NO_DEMAND, withStart } from "./warm_plan.ts";

export interface PoolAgent {
  name: string;
  /** Absolute path of the agent file. */
  file: string;
  /** Of the file's code: another one needs new processes. */
  version?: string;
  warmSlots: number;
  osPermissions: OsPermissions;
  /** "inline": in the control plane's own isolate. */
  isolation?: "process" | "inline";
  /** Jobs that share a process. */
  jobsPerProcess?: number;
  maxJobs?: number | null;
  /** Null: the instance's setting. */
  memoryLimitMb?: number | null;
  heapLimitMb?: number | null;
}

/** What is shown of one agent's slots. */
export interface LaneSnapshot {
  agent: string;
  /** Warm slots that it should have now, under the instance's cap. */
  wanted: number;
  /** Room for so many jobs in processes that are loaded. */
  warm: number;
  /** Processes on their way to warm, or to their job. */
  loading: number;
  running: number;
  /** Why the last process that failed did; null once one got warm again. */
  lastError: string | null;
  /** When the next one is tried, while failures hold it back. */
  retryAt: Date | null;
}

const RETRY: Backoff = { firstMs: 1_000, maxMs: 60_000 };
/** A failure this long after the one before it starts a new count. */
const FORGET_AFTER_MS = 120_000;
/** Weight of the last load in the average. */
const LOAD_WEIGHT = 0.3;

export class SlotLane {
  agent: PoolAgent;
  wanted = 0;
  lastUsedMs = 0;
  /** All that are not gone, oldest first. */
  readonly processes: SlotProcess[] = [];
  lastError: string | null = null;
  demand: Demand = NO_DEMAND;
  /** Average time from a process's start to warm; null before the first. */
  loadMs: number | null = null;
  #failures = 0;
  #failedAtMs = -Infinity;

  constructor(agent: PoolAgent) {
    this.agent = agent;
  }

  /** When the next process may be started, by performance.now(). */
  get retryAtMs(): number {
    return this.#failures === 0 ? -Infinity : this.#failedAtMs + backoffCeilingMs(this.#failures, RETRY);
  }

  /** How many jobs fit into the processes that are there, loading ones included. */
  get room(): number {
    return this.processes.reduce((sum, { room }) => sum + room, 0);
  }

  /** Slots taken. */
  get taken(): number {
    return this.processes.reduce((sum, { slots }) => sum + slots.size, 0);
  }

  /** Counted also for a warm process that dies unused, so that a crash in the background can't loop without a pause. */
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

  loaded(loadMs: number): void {
    this.loadMs = this.loadMs === null ? loadMs : (1 - LOAD_WEIGHT) * this.loadMs + LOAD_WEIGHT * loadMs;
    this.lastError = null;
  }

  used(nowMs: number): void {
    this.lastUsedMs = nowMs;
    this.demand = withStart(this.demand, nowMs);
  }

  /**
   * Where the next job should go: a warm process, one that has jobs already before others, else the one that has been
   * loading longest; null when none has room. One that does not answer just now is passed over.
   */
  best(): SlotProcess | null {
    const open = this.processes.filter(({ room }) => room > 0);
    const warm = open.filter(({ state }) => state === "warm").sort((a, b) => b.slots.size - a.slots.size);
    return warm.find((process) => process.isFit()) ?? open.find(({ state }) => state === "loading") ?? null;
  }

  /** Processes without jobs that are not needed for `wanted`, loading ones first. */
  surplus(): SlotProcess[] {
    const idle = this.processes.filter(({ room, slots }) => room > 0 && slots.size === 0);
    const byWorth = idle.sort((a, b) => Number(a.state === "warm") - Number(b.state === "warm"));
    let { room } = this;
    return byWorth.filter((process) => {
      if (room - process.room < this.wanted) return false;
      room -= process.room;
      return true;
    });
  }

  snapshot(nowMs: number, now: Date): LaneSnapshot {
    const slots = this.processes.flatMap((process) => [...process.slots]);
    const warm = this.processes.filter(({ state }) => state === "warm");
    return {
      agent: this.agent.name,
      wanted: this.wanted,
      warm: warm.reduce((sum, { room }) => sum + room, 0),
      loading: this.processes.filter(({ state }) => state === "loading").length,
      running: slots.filter(({ state }) => state === "running" || state === "finishing").length,
      lastError: this.lastError,
      retryAt: this.retryAtMs > nowMs ? new Date(now.getTime() + this.retryAtMs - nowMs) : null,
    };
  }
}
