/** The Overview's data. Its history is read once for all who look, at most every HISTORY_FRESH_MS. */
import { toBuckets } from "../../components/charts/series.ts";
import type { OverviewData, OverviewHistory } from "../../components/overview/types.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { readMetricHistory } from "../../core/services/metric_history.ts";
import type { SampledMetric } from "../../core/telemetry/metric_kinds.ts";

const HOUR_MS = 3_600_000;
const BUCKETS = 90;
const HISTORY_FRESH_MS = 5_000;
/** More instances than are drawn with a line of their own. */
const MAX_LINES = 20;
const METRICS: SampledMetric[] = [
  "active_jobs",
  "max_jobs",
  "queue_depth",
  "jobs_succeeded",
  "dispatch_ready_ms",
];

const histories = new WeakMap<Parts, { readAtMs: number; history: Promise<OverviewHistory> }>();

export async function overviewData(parts: Parts): Promise<OverviewData> {
  const overview = await parts.overview.read();
  const kept = histories.get(parts);
  const nowMs = performance.now();
  if (kept && nowMs - kept.readAtMs < HISTORY_FRESH_MS) return { overview, history: await kept.history };
  const ids = overview.instances.slice(0, MAX_LINES).map(({ id }) => id);
  const entry = { readAtMs: nowMs, history: readHistory(parts, ids) };
  histories.set(parts, entry);
  // A failure is told to those who asked for it, and not kept.
  entry.history.catch(() => histories.get(parts) === entry && histories.delete(parts));
  return { overview, history: await entry.history };
}

async function readHistory({ database }: Parts, instanceIds: string[]): Promise<OverviewHistory> {
  const until = new Date();
  const since = new Date(until.getTime() - HOUR_MS);
  const [fleet, ...loads] = await Promise.all([
    readMetricHistory(database, { metrics: METRICS, since, until, instanceId: null }),
    ...instanceIds.map((instanceId) =>
      readMetricHistory(database, { metrics: ["load_ratio"], since, until, instanceId })
    ),
  ]);
  const range = { sinceMs: since.getTime(), untilMs: until.getTime(), buckets: BUCKETS };
  const line = (metric: SampledMetric, column = 1, agent = "") => {
    const found = fleet.lines.find((each) => each.metric === metric && each.agent === agent);
    return toBuckets(found?.points ?? [], { ...range, column });
  };
  const agents = fleet.lines.filter(({ metric, agent }) => metric === "active_jobs" && agent !== "");
  return {
    sinceMs: range.sinceMs,
    untilMs: range.untilMs,
    calls: line("active_jobs"),
    capacity: line("max_jobs"),
    waiting: line("queue_depth"),
    succeeded: line("jobs_succeeded"),
    readyP50: line("dispatch_ready_ms", 1),
    readyP95: line("dispatch_ready_ms", 2),
    callsOfAgent: Object.fromEntries(agents.map(({ agent, points }) => [agent, toBuckets(points, range)])),
    loadOfInstance: Object.fromEntries(
      loads.map(({ lines }, index) => [instanceIds[index], toBuckets(lines[0]?.points ?? [], range)]),
    ),
  };
}
