/** The metrics that are sampled, and how the points of several instances become one line of a chart. */

import type { LineKind } from "../../db/metric_points.ts";

/**
 * `sum`: add up the instances (jobs, bytes) · `mean`: average them (shares) · `max`: each sees the whole fleet (queues) ·
 * `total`: events of the interval, added up · `latency`: milliseconds, with percentiles.
 */
export type MetricKind = LineKind;

export const SAMPLED_METRICS = {
  active_jobs: "sum",
  max_jobs: "sum",
  cpu_ratio: "mean",
  memory_bytes: "sum",
  load_ratio: "mean",
  queue_depth: "max",
  jobs_started: "total",
  jobs_succeeded: "total",
  jobs_failed: "total",
  jobs_cancelled: "total",
  dispatch_assigned_ms: "latency",
  dispatch_entered_ms: "latency",
  dispatch_connected_ms: "latency",
  dispatch_ready_ms: "latency",
} as const satisfies Record<string, MetricKind>;

export type SampledMetric = keyof typeof SAMPLED_METRICS;

export function isSampledMetric(name: string): name is SampledMetric {
  return Object.hasOwn(SAMPLED_METRICS, name);
}
