/** History of sampled metrics as the charts draw it: one line per metric and agent, over all instances or of one. */
import type { Database } from "../../db/client.ts";
import { type HistoryRow, listMetricHistory, type TierSeconds } from "../../db/metric_points.ts";
import { SAMPLED_METRICS, type SampledMetric } from "../telemetry/metric_kinds.ts";

export interface HistoryQuery {
  metrics: readonly SampledMetric[];
  since: Date;
  until: Date;
  instanceId: string | null;
}

export interface MetricLine {
  metric: SampledMetric;
  /** "" for whole instances. */
  agent: string;
  /** [milliseconds since the epoch (beginning of the step), value]; for latencies [at, p50, p95, max, count]. */
  points: (number | null)[][];
}

/** A line has at most about this many points. */
const MAX_POINTS = 720;
const TWO_HOURS_MS = 7_200_000;
const FOUR_DAYS_MS = 345_600_000;

export async function readMetricHistory(database: Database, query: HistoryQuery) {
  const spanMs = query.until.getTime() - query.since.getTime();
  const tier: TierSeconds = spanMs <= TWO_HOURS_MS ? 5 : spanMs <= FOUR_DAYS_MS ? 60 : 3_600;
  const stepSeconds = tier * Math.max(1, Math.ceil(spanMs / 1000 / tier / MAX_POINTS));
  const found = await listMetricHistory(database, { ...query, tier, stepSeconds });
  const lines = new Map<string, MetricLine>();
  for (const row of found) {
    const metric = row.metric as SampledMetric;
    const key = `${metric} ${row.agent}`;
    const line = lines.get(key) ?? { metric, agent: row.agent, points: [] };
    lines.set(key, line);
    line.points.push(pointOf(metric, row));
  }
  return {
    since: query.since.toISOString(),
    until: query.until.toISOString(),
    stepSeconds,
    lines: [...lines.values()],
  };
}

function pointOf(metric: SampledMetric, row: HistoryRow): (number | null)[] {
  switch (SAMPLED_METRICS[metric]) {
    case "sum":
      return [row.at, row.total];
    case "mean":
      return [row.at, row.mean];
    case "max":
      return [row.at, row.max];
    case "total":
      return [row.at, row.sum];
    case "latency":
      return [row.at, row.p50, row.p95, row.max, row.count];
  }
}
