/**
 * How many warm slots each agent should have. Pure.
 *
 * An agent gets at least what it asks for. When its jobs have come faster than slots can be refilled, it gets as many as
 * came within one refill (the most within DEMAND_WINDOW_MS), so that the next such burst finds them warm; five minutes
 * without one and it is back. The instance's cap goes to the agents used last. Little memory takes the grown part away,
 * and very little all warm slots: then every start is a cold one.
 */

export interface WarmDemand {
  agent: string;
  /** How many it asks for. 0: none, however many jobs come. */
  warmSlots: number;
  /** When it was last used, by performance.now(); 0 = not yet. */
  lastUsedMs: number;
  /** The most starts within one refill, lately. */
  peakStarts?: number;
  /** How many more jobs it may run; room beyond is of no use. */
  freeJobs?: number;
  /** Jobs that one process holds; the cap counts processes. */
  jobsPerProcess?: number;
}

export type MemoryPressure = "none" | "low_memory" | "critical";

/** Within it a peak counts. */
export const DEMAND_WINDOW_MS = 300_000;
/** Starts that are remembered per agent. */
const MAX_REMEMBERED = 512;
/** Below this share of the least free memory it is critical. */
const CRITICAL_RATIO = 0.5;
/** Between the start of a refill and its turn: it waits until the last started job has connected. */
const REFILL_DELAY_MS = 300;
const DEFAULT_LOAD_MS = 400;

/** Agents used most recently get what they should have; when `maxWarmProcesses` is spent, the least recently used are cold. */
export function planWarmSlots(
  demands: readonly WarmDemand[],
  maxWarmProcesses: number,
  pressure: MemoryPressure = "none",
): Map<string, number> {
  const byUse = [...demands].sort((a, b) => b.lastUsedMs - a.lastUsedMs || compare(a.agent, b.agent));
  let left = pressure === "critical" ? 0 : maxWarmProcesses;
  const plan = new Map<string, number>();
  // What agents ask for comes before what any of them has grown to.
  for (const demand of byUse) {
    const { agent, warmSlots, jobsPerProcess = 1 } = demand;
    const granted = Math.min(warmSlots, left * jobsPerProcess);
    left -= Math.ceil(granted / jobsPerProcess);
    plan.set(agent, granted);
  }
  if (pressure !== "none") return plan;
  for (const { agent, warmSlots, peakStarts = 0, freeJobs = Infinity, jobsPerProcess = 1 } of byUse) {
    const had = plan.get(agent) ?? 0;
    if (warmSlots === 0 || had < warmSlots) continue;
    const paidFor = Math.ceil(had / jobsPerProcess);
    const granted = Math.min(Math.max(had, Math.min(peakStarts, freeJobs)), (paidFor + left) * jobsPerProcess);
    left -= Math.ceil(granted / jobsPerProcess) - paidFor;
    plan.set(agent, granted);
  }
  return plan;
}

/** @param availableBytes null: not known, so no reason to shrink. */
export function memoryPressure(availableBytes: number | null, leastFreeBytes: number): MemoryPressure {
  if (availableBytes === null || availableBytes >= leastFreeBytes) return "none";
  return availableBytes < CRITICAL_RATIO * leastFreeBytes ? "critical" : "low_memory";
}

/** When an agent's jobs were started lately, by performance.now(), oldest first. */
export type Demand = readonly number[];
export const NO_DEMAND: Demand = [];

export function withStart(demand: Demand, nowMs: number): Demand {
  return [...demand.slice(-(MAX_REMEMBERED - 1)), nowMs];
}

/** Starts that still count. */
export function recentDemand(demand: Demand, nowMs: number): Demand {
  const first = demand.findIndex((atMs) => atMs > nowMs - DEMAND_WINDOW_MS);
  return first <= 0 ? first === 0 ? demand : NO_DEMAND : demand.slice(first);
}

/** The most starts within the time in which one slot is refilled. @param loadMs null: not known yet. */
export function peakStarts(demand: Demand, loadMs: number | null): number {
  const refillMs = REFILL_DELAY_MS + (loadMs ?? DEFAULT_LOAD_MS);
  let [peak, first] = [0, 0];
  for (const [last, atMs] of demand.entries()) {
    while ((demand[first] ?? atMs) < atMs - refillMs) first++;
    peak = Math.max(peak, last - first + 1);
  }
  return peak;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
