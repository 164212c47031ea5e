/** What is counted about jobs: for `/metrics` since the start, and for the samples since the last one. */
import { Counter, exponentialBuckets, Histogram, type Metric } from "./metrics.ts";
import { summarize, type Summary } from "./summary.ts";

export type JobOutcome = "succeeded" | "failed" | "cancelled";
/** Parts of the way from request to end. */
export type StageSpan = "queue" | "entry" | "connect" | "ready" | "request_to_ready";

/** How far dispatches got, each counted from the request. */
export type ReachedStage = "assigned" | "entered" | "connected" | "ready";

export interface JobCounts {
  started: number;
  succeeded: number;
  failed: number;
  cancelled: number;
}

/** What happened since the last sample. */
export interface JobInterval extends JobCounts {
  /** Of request → ready, in milliseconds; null: none became ready. */
  readyMs: Summary | null;
  /** Agents of which something happened. */
  byAgent: Record<string, JobCounts>;
  /** Milliseconds from request to each stage that was reached; agent "": of all agents. */
  latencies: { agent: string; stage: ReachedStage; ms: Summary }[];
}

/** Latencies of one stage and agent that an interval keeps; more are left out of its percentiles. */
const MAX_LATENCIES = 2_000;
const STAGES: readonly ReachedStage[] = ["assigned", "entered", "connected", "ready"];

export class JobMetrics {
  readonly #started = new Counter("livekit_agent_jobs_started_total", "Jobs whose entry was called.");
  readonly #completed = new Counter("livekit_agent_jobs_completed_total", "Jobs that ended without failure.");
  readonly #failed = new Counter("livekit_agent_jobs_failed_total", "Jobs that failed.");
  readonly #duration = new Histogram(
    "livekit_agent_job_duration_seconds",
    "From a job's assignment to its end.",
    exponentialBuckets(0.1, 2, 10),
  );
  readonly #stages = new Histogram(
    "greenroom_stage_seconds",
    "Time between the stages of a dispatch.",
    exponentialBuckets(0.005, 2, 14),
  );
  #byAgent = new Map<string, JobCounts>();
  #reached = newReached();

  readonly metrics: readonly Metric[] = [this.#started, this.#completed, this.#failed, this.#duration, this.#stages];

  started(agent: string): void {
    this.#started.add({ agent });
    this.#countsOf(agent).started += 1;
  }

  ended(agent: string, outcome: JobOutcome, durationMs: number): void {
    if (outcome === "failed") this.#failed.add({ agent });
    else this.#completed.add({ agent });
    this.#duration.observe({ agent }, durationMs / 1000);
    this.#countsOf(agent)[outcome] += 1;
  }

  stage(agent: string, stage: StageSpan, ms: number): void {
    this.#stages.observe({ agent, stage }, ms / 1000);
    if (stage === "request_to_ready") this.reached(agent, "ready", ms);
  }

  /** `ms` since the request. */
  reached(agent: string, stage: ReachedStage, ms: number): void {
    const byAgent = this.#reached[stage];
    const values = byAgent.get(agent) ?? [];
    byAgent.set(agent, values);
    if (values.length < MAX_LATENCIES) values.push(ms);
  }

  /** What happened since the last call, and begins anew. */
  takeInterval(): JobInterval {
    const [byAgent, reached] = [this.#byAgent, this.#reached];
    this.#byAgent = new Map();
    this.#reached = newReached();
    const latencies = STAGES.flatMap((stage) => latenciesOf(stage, reached[stage]));
    const total = (what: keyof JobCounts) => byAgent.values().reduce((sum, counts) => sum + counts[what], 0);
    return {
      started: total("started"),
      succeeded: total("succeeded"),
      failed: total("failed"),
      cancelled: total("cancelled"),
      readyMs: latencies.find(({ agent, stage }) => agent === "" && stage === "ready")?.ms ?? null,
      byAgent: Object.fromEntries(byAgent),
      latencies,
    };
  }

  #countsOf(agent: string): JobCounts {
    const counts = this.#byAgent.get(agent) ?? { started: 0, succeeded: 0, failed: 0, cancelled: 0 };
    this.#byAgent.set(agent, counts);
    return counts;
  }
}

/** Of all agents together, and of each. */
function latenciesOf(stage: ReachedStage, byAgent: ReadonlyMap<string, number[]>): JobInterval["latencies"] {
  const all: [string, number[]][] = [["", [...byAgent.values()].flat()], ...byAgent];
  return all.flatMap(([agent, values]) => {
    const ms = summarize(values);
    return ms === null ? [] : [{ agent, stage, ms }];
  });
}

function newReached(): Record<ReachedStage, Map<string, number[]>> {
  return { assigned: new Map(), entered: new Map(), connected: new Map(), ready: new Map() };
}
