/** The Charts page's data. What many look at is read once for all of them. */
import { type ChartRange, spanOf } from "../../components/charts/range.ts";
import { onSteps, type Steps, stepsBetween } from "../../components/charts/series.ts";
import type { ChartsData, Line, StageLine } from "../../components/charts/types.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { type KeepFor, KeptReads } from "../../core/services/kept_reads.ts";
import { type HistoryStep, type MetricHistory, readMetricHistory, stepOf } from "../../core/services/metric_history.ts";
import type { SampledMetric } from "../../core/telemetry/metric_kinds.ts";
import { listDeadAir } from "../../db/loss_history.ts";

/** About so many steps: a point every few pixels. */
const MAX_STEPS = 144;
/** Answers of ranges and agents that are kept at once. */
const MAX_KEPT = 40;
/** A chart is renewed after a fraction of its step; a sample comes every 5 s. */
const FRESH_STEPS = 0.1;
const MIN_FRESH_MS = 2_000;
/** Nobody looks at what is older, by steps. */
const STALE_STEPS = 1;
const STAGES = ["assigned", "entered", "connected", "ready"] as const;
const METRICS: SampledMetric[] = [
  "active_jobs",
  "max_jobs",
  "cpu_ratio",
  "memory_bytes",
  "queue_depth",
  "jobs_succeeded",
  "jobs_failed",
  "jobs_cancelled",
  ...STAGES.map((stage) => `dispatch_${stage}_ms` as const),
];

const kept = new WeakMap<Parts, KeptReads<ChartsData>>();

export function chartsData(parts: Parts, range: ChartRange, agent: string | null, now: Date): Promise<ChartsData> {
  const answers = kept.get(parts) ?? new KeptReads<ChartsData>({ maxKeys: MAX_KEPT });
  kept.set(parts, answers);
  return answers.read(
    JSON.stringify([range, agent]),
    () => readCharts(parts, range, agent, new Date()),
    keepFor(range, now),
  );
}

interface Sections extends HistoryStep {
  steps: Steps;
}

/** Steps of the range, as short as what is still known of it allows. */
function stepsOf(range: ChartRange, now: Date): Sections {
  const { sinceMs, untilMs } = spanOf(range, now.getTime());
  const step = stepOf(new Date(sinceMs), new Date(untilMs), MAX_STEPS, now);
  return { ...step, steps: stepsBetween(sinceMs, untilMs, step.stepSeconds * 1000) };
}

function keepFor(range: ChartRange, now: Date): KeepFor {
  const { stepMs } = stepsOf(range, now).steps;
  const freshMs = Math.max(MIN_FRESH_MS, stepMs * FRESH_STEPS);
  return { freshMs, staleMs: Math.max(freshMs, stepMs * STALE_STEPS) };
}

async function readCharts(parts: Parts, range: ChartRange, agent: string | null, now: Date): Promise<ChartsData> {
  const { steps, ...step } = stepsOf(range, now);
  const span = { since: new Date(steps.sinceMs), until: new Date(steps.sinceMs + steps.count * steps.stepMs) };
  const { reads } = parts.database;
  const [history, deadAir] = await Promise.all([
    // An agent that none has: lines of whole instances only.
    readMetricHistory(reads, {
      metrics: METRICS,
      ...span,
      instanceId: null,
      agent: agent ?? "",
      step,
    }),
    listDeadAir(reads, { ...span, until: earlier(span.until, now), stepSeconds: step.stepSeconds, agent }),
  ]);
  const line = lineReader(history, steps);
  const known = line("max_jobs");
  return {
    range,
    agent,
    agents: [...new Set(parts.catalog.list().map(({ name }) => name))].sort(),
    steps,
    isPartial: span.until.getTime() > now.getTime(),
    succeeded: countsOf(line("jobs_succeeded", agent), known),
    failed: countsOf(line("jobs_failed", agent), known),
    cancelled: countsOf(line("jobs_cancelled", agent), known),
    stages: STAGES.map((stage): StageLine => ({
      stage,
      p50: line(`dispatch_${stage}_ms`, agent, 1),
      p95: line(`dispatch_${stage}_ms`, agent, 2),
    })),
    calls: countsOf(line("active_jobs", agent), known),
    capacity: known,
    cpu: line("cpu_ratio"),
    memoryBytes: line("memory_bytes"),
    waiting: countsOf(line("queue_depth", agent), line("queue_depth")),
    deadAirMs: deadAirLine(deadAir, steps, now),
    losses: deadAir.reduce((sum, { losses }) => sum + losses, 0),
  };
}

function lineReader({ lines }: MetricHistory, steps: Steps) {
  return (metric: SampledMetric, agent: string | null = null, column = 1): Line => {
    const found = lines.find((each) => each.metric === metric && each.agent === (agent ?? ""));
    return onSteps(found?.points ?? [], steps, column);
  };
}

/** Samples name only the agents of which something happened: where the instances have a sample, no word of one is 0. */
function countsOf(values: Line, known: Line): Line {
  return values.map((value, index) => value ?? (known[index] === null ? null : 0));
}

/** Every loss is recorded: no loss is no dead air, but nothing is known of what is to come. */
function deadAirLine(found: readonly { atMs: number; deadAirMs: number }[], steps: Steps, now: Date): Line {
  const values = onSteps(found.map(({ atMs, deadAirMs }) => [atMs, deadAirMs]), steps);
  return values.map((value, index) => steps.sinceMs + index * steps.stepMs > now.getTime() ? null : value ?? 0);
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b;
}
