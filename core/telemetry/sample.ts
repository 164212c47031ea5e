/** One sample of an instance, and the points that are stored of it. Pure. */
import type { MetricPoint } from "../../db/metric_points.ts";
import type { JobInterval } from "./job_metrics.ts";
import type { SampledMetric } from "./metric_kinds.ts";

export interface QueueDepth {
  agent: string;
  depth: number;
  oldestWaitMs: number;
}

/** Null: unknown. Times are ISO 8601. */
export interface LoadSample {
  instanceId: string;
  at: string;
  activeJobs: number;
  activeJobsByAgent: Record<string, number>;
  maxJobs: number;
  /** Share of the machine's cores. */
  cpuRatio: number | null;
  /** Of the control plane and its agents' processes. */
  memoryBytes: number | null;
  /** Share of the slots that are used. */
  loadRatio: number;
  /** As it is told to LiveKit, 0 to 1. */
  loadByAgent: Record<string, number>;
  /** Waiting dispatches of the fleet; null: the database did not answer. */
  queue: QueueDepth[] | null;
  /** How long the database took to say so. */
  databaseMs: number | null;
  jobs: JobInterval;
}

export const SAMPLE_EVERY_MS = 5_000;

/** The beginning of the interval that `at` lies in. */
export function intervalStart(at: Date): Date {
  return new Date(Math.floor(at.getTime() / SAMPLE_EVERY_MS) * SAMPLE_EVERY_MS);
}

export function pointsOf(sample: LoadSample): MetricPoint[] {
  const at = intervalStart(new Date(sample.at));
  const { instanceId, jobs } = sample;
  const point = (metric: SampledMetric, value: number | null, agent = ""): MetricPoint[] =>
    value === null
      ? []
      : [{ metric, at, instanceId, agent, count: 1, sum: value, min: value, max: value, p50: null, p95: null }];
  return [
    ...point("active_jobs", sample.activeJobs),
    ...Object.entries(sample.activeJobsByAgent).flatMap(([agent, used]) => point("active_jobs", used, agent)),
    ...point("max_jobs", sample.maxJobs),
    ...point("cpu_ratio", sample.cpuRatio),
    ...point("memory_bytes", sample.memoryBytes),
    ...point("load_ratio", sample.loadRatio),
    ...Object.entries(sample.loadByAgent).flatMap(([agent, load]) => point("load_ratio", load, agent)),
    ...point("queue_depth", sample.queue?.reduce((total, { depth }) => total + depth, 0) ?? null),
    ...(sample.queue ?? []).flatMap(({ agent, depth }) => point("queue_depth", depth, agent)),
    ...point("jobs_started", jobs.started),
    ...point("jobs_succeeded", jobs.succeeded),
    ...point("jobs_failed", jobs.failed),
    ...point("jobs_cancelled", jobs.cancelled),
    // Of agents only what happened: when the instance has a point and its agent none, nothing happened.
    ...Object.entries(jobs.byAgent).flatMap(([agent, { started, succeeded, failed, cancelled }]) => [
      ...point("jobs_started", started || null, agent),
      ...point("jobs_succeeded", succeeded || null, agent),
      ...point("jobs_failed", failed || null, agent),
      ...point("jobs_cancelled", cancelled || null, agent),
    ]),
    ...jobs.latencies.map(({ agent, stage, ms }) => ({ metric: `dispatch_${stage}_ms`, at, instanceId, agent, ...ms })),
  ];
}
