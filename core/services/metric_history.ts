/** History of sampled metrics as the charts draw it: one line per metric and agent, over all instances or of one. */
import type { Database } from "../../db/client.ts";
import { type HistoryLine, listMetricHistory, type TierSeconds } from "../../db/metric_points.ts";
import { SAMPLED_METRICS, type SampledMetric } from "../telemetry/metric_kinds.ts";

export interface HistoryQuery {
  metrics: readonly SampledMetric[];
  since: Date;
  until: Date;
  instanceId: string | null;
  /** Lines of this agent and of whole instances; null or left out: those of all agents. */
  agent?: string | null;
  /** Tier and step; left out: those of `stepOf` for at most about MAX_POINTS points. */
  step?: HistoryStep;
}

export interface HistoryStep {
  tier: TierSeconds;
  /** A multiple of the tier. */
  stepSeconds: number;
}

export interface MetricLine {
  metric: SampledMetric;
  /** "" for whole instances. */
  agent: string;
  /** [milliseconds since the epoch (beginning of the step), value]; for latencies [at, p50, p95, max, count]. */
  points: (number | null)[][];
}

export interface MetricHistory {
  since: string;
  until: string;
  stepSeconds: number;
  lines: MetricLine[];
}

/** Every 10 s of an hour. */
const MAX_POINTS = 360;
const HOUR_MS = 3_600_000;
/** Each tier's longest span, and how far back it surely reaches (less than it is kept: sampler.ts). */
const TIER_LIMITS = [
  { tier: 5, spanMs: 2 * HOUR_MS, agoMs: 23 * HOUR_MS },
  { tier: 60, spanMs: 4 * 24 * HOUR_MS, agoMs: 13 * 24 * HOUR_MS },
] as const;

export async function readMetricHistory(database: Database, query: HistoryQuery): Promise<MetricHistory> {
  const { tier, stepSeconds } = query.step ?? stepOf(query.since, query.until, MAX_POINTS, new Date());
  const metrics = query.metrics.map((metric) => ({ metric, kind: SAMPLED_METRICS[metric] }));
  const lines = await listMetricHistory(database, { ...query, metrics, tier, stepSeconds, agent: query.agent ?? null });
  return {
    since: query.since.toISOString(),
    until: query.until.toISOString(),
    stepSeconds,
    lines: lines.map((line) => ({
      metric: line.metric as SampledMetric,
      agent: line.agent,
      points: pointsOf(line),
    })),
  };
}

/**
 * The tier that is read, and the step that gives at most about `maxPoints`: as short as what is still kept of that time
 * allows.
 */
export function stepOf(since: Date, until: Date, maxPoints: number, now: Date): HistoryStep {
  const spanMs = until.getTime() - since.getTime();
  const agoMs = now.getTime() - since.getTime();
  const tier = TIER_LIMITS.find((limit) => spanMs <= limit.spanMs && agoMs <= limit.agoMs)?.tier ?? 3_600;
  return { tier, stepSeconds: tier * Math.max(1, Math.ceil(spanMs / 1000 / tier / maxPoints)) };
}

function pointsOf({ ats, values, latencies }: HistoryLine): (number | null)[][] {
  const at = (list: readonly (number | null)[], index: number) => list[index] ?? null;
  return ats.map((ms, index) =>
    latencies === null
      ? [ms, at(values, index)]
      : [ms, at(values, index), at(latencies.p95, index), at(latencies.max, index), at(latencies.count, index)]
  );
}
