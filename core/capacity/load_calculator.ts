/**
 * How busy a worker is, 0 (idle) to 1 (full). Pure. What LiveKit is told is this number scaled below its target load, so
 * that a worker with a free slot is never left out (core/livekit/worker_messages.ts `scaleLoad`).
 *
 *   jobs        used / max                                   (mission.md E1)
 *   weighted    0.4 jobs + 0.3 CPU + 0.3 memory              (mission.md E1)
 *   predictive  the straight line through the last 10 weighted loads, one report ahead
 *   custom      what the agent's own `load` says; asked in its host (load_meter.ts)
 */

export const LOAD_CALCULATORS = ["jobs", "weighted", "predictive"] as const;
export type LoadCalculator = typeof LOAD_CALCULATORS[number];

export interface LoadInput {
  usedJobs: number;
  /** Infinity: unlimited. */
  maxJobs: number;
  /** 0..1; null: unknown. */
  cpuRatio: number | null;
  memoryRatio: number | null;
}

export interface LoadPoint {
  atMs: number;
  load: number;
}

/** Of a worker without a limit each job counts for this much: 10 jobs are a full load. */
const LOAD_PER_UNLIMITED_JOB = 0.1;
const WEIGHTS = { jobs: 0.4, cpu: 0.3, memory: 0.3 } as const;
/** Loads that the predictive calculator looks back on. */
export const PREDICTIVE_SAMPLES = 10;

/** Used share of the job slots; 0.1 for each job where there is no limit. */
export function jobCountLoad({ usedJobs, maxJobs }: Pick<LoadInput, "usedJobs" | "maxJobs">): number {
  if (maxJobs === Infinity) return clamp(usedJobs * LOAD_PER_UNLIMITED_JOB);
  return maxJobs <= 0 ? 1 : clamp(usedJobs / maxJobs);
}

/** 0.4 jobs + 0.3 CPU + 0.3 memory. What is unknown counts for nothing, and the rest for as much more. */
export function weightedLoad(input: LoadInput): number {
  const parts: [value: number | null, weight: number][] = [
    [jobCountLoad(input), WEIGHTS.jobs],
    [input.cpuRatio, WEIGHTS.cpu],
    [input.memoryRatio, WEIGHTS.memory],
  ];
  const known = parts.filter((part): part is [number, number] => part[0] !== null && !Number.isNaN(part[0]));
  const weight = known.reduce((total, [, each]) => total + each, 0);
  return clamp(known.reduce((total, [value, each]) => total + clamp(value) * each, 0) / weight);
}

/**
 * Where the load will be `aheadMs` after the last of `points` (oldest first, the last 10 count): least squares, slope =
 * Σ (t - t̄)(y - ȳ) / Σ (t - t̄)². One point, or points of one moment: the mean. Null without any.
 */
export function predictedLoad(points: readonly LoadPoint[], aheadMs: number): number | null {
  const recent = points.slice(-PREDICTIVE_SAMPLES);
  const last = recent.at(-1);
  if (!last) return null;
  const meanAtMs = mean(recent.map(({ atMs }) => atMs));
  const meanLoad = mean(recent.map(({ load }) => load));
  const spread = recent.reduce((total, { atMs }) => total + (atMs - meanAtMs) ** 2, 0);
  const rise = recent.reduce((total, { atMs, load }) => total + (atMs - meanAtMs) * (load - meanLoad), 0);
  return clamp(meanLoad + (spread === 0 ? 0 : rise / spread) * (last.atMs + aheadMs - meanAtMs));
}

/** What an agent's `load` gave, as a load; null when it is no number. */
export function customLoad(value: unknown): number | null {
  return typeof value === "number" && !Number.isNaN(value) ? clamp(value) : null;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
