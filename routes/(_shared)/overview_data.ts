/** The Overview's data. Its history is read once for all who look, and renewed while they look. */
import { onSteps, stepsBetween } from "../../components/charts/series.ts";
import type { OverviewData, OverviewHistory } from "../../components/overview/types.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { KeptReads } from "../../core/services/kept_reads.ts";
import { readMetricHistory } from "../../core/services/metric_history.ts";
import type { SampledMetric } from "../../core/telemetry/metric_kinds.ts";

const HOUR_MS = 3_600_000;
/** 90 steps of an hour; a multiple of the samples' interval. */
const STEP_MS = 40_000;
/** A sample comes every 5 s: who is told of it asks at once and a second later, and then gets what it changed. */
const KEEP = { freshMs: 2_000, staleMs: 20_000 };
/** More instances than are drawn with a line of their own. */
const MAX_LINES = 20;
const METRICS: SampledMetric[] = [
  "active_jobs",
  "max_jobs",
  "queue_depth",
  "jobs_succeeded",
  "dispatch_ready_ms",
];

/** Load of each worker of an instance, by agent. */
export type WorkerLoads = Record<string, Record<string, (number | null)[]>>;

type History = OverviewHistory & { loadOfWorker: WorkerLoads };

const histories = new WeakMap<Parts, KeptReads<History>>();

export async function overviewData(parts: Parts): Promise<OverviewData> {
  const { overview, history: { loadOfWorker: _, ...history } } = await overviewWithLoads(parts);
  return { overview, history };
}

/** With what only the Workers page draws. */
export async function overviewWithLoads(parts: Parts): Promise<OverviewData & { history: History }> {
  const kept = histories.get(parts) ?? new KeptReads<History>({ maxKeys: 1 });
  histories.set(parts, kept);
  const overview = await parts.overview.read();
  const ids = overview.instances.slice(0, MAX_LINES).map(({ id }) => id);
  return { overview, history: await kept.read("", () => readHistory(parts, ids, new Date()), KEEP) };
}

async function readHistory({ database }: Parts, instanceIds: string[], now: Date): Promise<History> {
  const steps = stepsBetween(now.getTime() - HOUR_MS + STEP_MS, now.getTime(), STEP_MS);
  const range = { since: new Date(steps.sinceMs), until: now, step: { tier: 5, stepSeconds: STEP_MS / 1000 } as const };
  const [fleet, ...loads] = await Promise.all([
    readMetricHistory(database.reads, { metrics: METRICS, ...range, instanceId: null }),
    ...instanceIds.map((instanceId) =>
      readMetricHistory(database.reads, { metrics: ["load_ratio"], ...range, instanceId })
    ),
  ]);
  const line = (metric: SampledMetric, column = 1) => {
    const found = fleet.lines.find((each) => each.metric === metric && each.agent === "");
    return onSteps(found?.points ?? [], steps, column);
  };
  const agents = fleet.lines.filter(({ metric, agent }) => metric === "active_jobs" && agent !== "");
  return {
    steps,
    calls: line("active_jobs"),
    capacity: line("max_jobs"),
    waiting: line("queue_depth"),
    succeeded: line("jobs_succeeded"),
    readyP50: line("dispatch_ready_ms", 1),
    readyP95: line("dispatch_ready_ms", 2),
    callsOfAgent: Object.fromEntries(agents.map(({ agent, points }) => [agent, onSteps(points, steps)])),
    loadOfInstance: Object.fromEntries(
      loads.map(({ lines }, index) => {
        const own = lines.find(({ agent }) => agent === "");
        return [instanceIds[index], onSteps(own?.points ?? [], steps)];
      }),
    ),
    loadOfWorker: Object.fromEntries(
      loads.map(({ lines }, index) => {
        const ofAgents = lines.filter(({ agent }) => agent !== "");
        return [
          instanceIds[index],
          Object.fromEntries(ofAgents.map((each) => [each.agent, onSteps(each.points, steps)])),
        ];
      }),
    ),
  };
}
