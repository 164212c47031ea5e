/** What is counted about jobs: for `/metrics` since the start, and for the samples since the last one. */
import { Counter, exponentialBuckets, Histogram, type Metric } from "./metrics.ts";
import { summarize, type Summary } from "./summary.ts";

export type JobOutcome = "succeeded" | "failed" | "cancelled";
/** Parts of the way from request to end. */
export type StageSpan = "queue" | "entry" | "connect" | "ready" | "request_to_ready";

/** What happened since the last sample. */
export interface JobInterval {
  started: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  /** Of request → ready, in milliseconds; null: none became ready. */
  readyMs: Summary | null;
}

/** Latencies that one interval keeps; more are left out of its percentiles. */
const MAX_LATENCIES = 2_000;

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
  #interval = emptyInterval();
  #readyMs: number[] = [];

  readonly metrics: readonly Metric[] = [this.#started, this.#completed, this.#failed, this.#duration, this.#stages];

  started(agent: string): void {
    this.#started.add({ agent });
    this.#interval.started += 1;
  }

  ended(agent: string, outcome: JobOutcome, durationMs: number): void {
    if (outcome === "failed") this.#failed.add({ agent });
    else this.#completed.add({ agent });
    this.#duration.observe({ agent }, durationMs / 1000);
    this.#interval[outcome] += 1;
  }

  stage(agent: string, stage: StageSpan, ms: number): void {
    this.#stages.observe({ agent, stage }, ms / 1000);
    if (stage === "request_to_ready" && this.#readyMs.length < MAX_LATENCIES) this.#readyMs.push(ms);
  }

  /** What happened since the last call, and begins anew. */
  takeInterval(): JobInterval {
    const interval = { ...this.#interval, readyMs: summarize(this.#readyMs) };
    this.#interval = emptyInterval();
    this.#readyMs = [];
    return interval;
  }
}

function emptyInterval() {
  return { started: 0, succeeded: 0, failed: 0, cancelled: 0 };
}
