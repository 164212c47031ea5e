/**
 * Keeps new jobs away while this instance is near a limit of CPU, memory, processes or open files. Each limit is a setting;
 * null is off. Jobs that run are never touched.
 *
 *   clear ──measured at its limit──▶ reached ──measured at 90 % of it or less──▶ clear
 *
 * Between two measurements, and until a new job's process has grown, what was promised to it counts too: a burst can't slip
 * past a limit. What can't be measured (null) limits nothing.
 */

export const RESOURCES = ["cpu", "memory", "processes", "open_files"] as const;
export type Resource = typeof RESOURCES[number];
export type ResourceRefusal = `instance_${Resource}`;

export interface ResourceLimits {
  cpuPercent: number | null;
  memoryBytes: number | null;
  processes: number | null;
  openFiles: number | null;
}

/** One measurement; null: unknown. */
export interface ResourceUse {
  /** 0..1 of the CPU that may be used. */
  cpuRatio: number | null;
  /** Of Greenroom's processes together. */
  memoryBytes: number | null;
  processes: number | null;
  openFiles: number | null;
}

/** What something is going to take; 0 unless given. */
export interface ResourceNeed {
  memoryBytes?: number;
  processes?: number;
  openFiles?: number;
}

export interface LimitEvent {
  resource: Resource;
  /** False: it has recovered. */
  isReached: boolean;
  /** Both in the unit of the setting: percent, bytes, a count. */
  used: number;
  limit: number;
}

export interface ResourceLimitState {
  resource: Resource;
  limit: number;
  used: number | null;
  isReached: boolean;
}

export interface HeldResources {
  /** Gives it back. Idempotent. */
  release(): void;
}

/** A reached limit is left only at this share of it, so that it does not flap. */
const RECOVER_AT_SHARE = 0.9;
/** CPU is the mean of so many measurements: one busy second is no limit. */
const CPU_MEASUREMENTS = 3;
/** Measurements until a new job's process is as big as it will be. */
const GROWN_AFTER_MEASUREMENTS = 5;

const NO_LIMITS: ResourceLimits = { cpuPercent: null, memoryBytes: null, processes: null, openFiles: null };
const KEYS: Record<Resource, keyof ResourceLimits> = {
  cpu: "cpuPercent",
  memory: "memoryBytes",
  processes: "processes",
  open_files: "openFiles",
};

interface Holding {
  need: Required<ResourceNeed>;
  /** Measurement from which on it is part of what is measured; Infinity: until it is released. */
  isMeasuredFrom: number;
}

export class ResourceLimiter {
  readonly #limits: ResourceLimits;
  readonly #holdings = new Set<Holding>();
  readonly #reached = new Set<Resource>();
  readonly #listeners = new Set<(event: LimitEvent) => void>();
  #use: Record<Resource, number | null> = { cpu: null, memory: null, processes: null, open_files: null };
  #cpuPercents: number[] = [];
  #measurements = 0;

  constructor(limits: Partial<ResourceLimits> = {}) {
    this.#limits = { ...NO_LIMITS, ...limits };
  }

  /** Takes a measurement in and tells listeners of limits that were reached or left by it. */
  observe({ cpuRatio, memoryBytes, processes, openFiles }: ResourceUse): void {
    this.#measurements += 1;
    if (cpuRatio !== null) this.#cpuPercents = [...this.#cpuPercents, cpuRatio * 100].slice(-CPU_MEASUREMENTS);
    const cpu = this.#cpuPercents.length < CPU_MEASUREMENTS
      ? null
      : this.#cpuPercents.reduce((total, percent) => total + percent, 0) / CPU_MEASUREMENTS;
    this.#use = { cpu, memory: memoryBytes, processes, open_files: openFiles };
    for (const resource of RESOURCES) this.#judge(resource);
  }

  /** The first limit that stands against something that needs this much; null: it fits. */
  refusal(need: ResourceNeed = {}): ResourceRefusal | null {
    const resource = RESOURCES.find((resource) => this.#fits(resource, need) < 1);
    return resource === undefined ? null : `instance_${resource}`;
  }

  /** How many things with this need fit; Infinity when nothing limits them. */
  fits(need: ResourceNeed = {}): number {
    return Math.min(...RESOURCES.map((resource) => this.#fits(resource, need)));
  }

  /**
   * Sets resources aside. `until` "grown": for a new job, whose process will be seen by itself. "released": for what is
   * declared and may never be seen. Does not ask whether it fits: `refusal` does.
   */
  reserve(need: ResourceNeed, until: "grown" | "released" = "released"): HeldResources {
    const isMeasuredFrom = until === "grown" ? this.#measurements + GROWN_AFTER_MEASUREMENTS : Infinity;
    const holding: Holding = { need: { memoryBytes: 0, processes: 0, openFiles: 0, ...need }, isMeasuredFrom };
    this.#holdings.add(holding);
    return { release: () => void this.#holdings.delete(holding) };
  }

  /** Calls `listener` when a limit is reached and when it is left; returns how to stop that. It must not throw. */
  onLimit(listener: (event: LimitEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The limits that are set, with what is used of each. */
  snapshot(): ResourceLimitState[] {
    return RESOURCES.flatMap((resource) => {
      const limit = this.#limits[KEYS[resource]];
      return limit === null ? [] : [{
        resource,
        limit,
        used: this.#use[resource],
        isReached: this.#reached.has(resource),
      }];
    });
  }

  #judge(resource: Resource): void {
    const [limit, used] = [this.#limits[KEYS[resource]], this.#use[resource]];
    const wasReached = this.#reached.has(resource);
    // A measurement that failed says nothing: what was true stays true.
    if (limit === null || used === null) return;
    const isReached = wasReached ? used > limit * RECOVER_AT_SHARE : used >= limit;
    if (isReached === wasReached) return;
    if (isReached) this.#reached.add(resource);
    else this.#reached.delete(resource);
    for (const listener of this.#listeners) listener({ resource, isReached, used, limit });
  }

  #fits(resource: Resource, need: ResourceNeed): number {
    const [limit, used] = [this.#limits[KEYS[resource]], this.#use[resource]];
    if (limit === null) return Infinity;
    if (this.#reached.has(resource)) return 0;
    const each = needOf(resource, need);
    if (each === 0) return Infinity;
    return Math.max(0, Math.floor((limit - (used ?? 0) - this.#promised(resource)) / each));
  }

  /** Set aside and not yet part of what is measured. */
  #promised(resource: Resource): number {
    let promised = 0;
    for (const { need, isMeasuredFrom } of this.#holdings) {
      if (this.#measurements < isMeasuredFrom) promised += needOf(resource, need);
    }
    return promised;
  }
}

function needOf(resource: Resource, { memoryBytes = 0, processes = 0, openFiles = 0 }: ResourceNeed): number {
  return { cpu: 0, memory: memoryBytes, processes, open_files: openFiles }[resource];
}
