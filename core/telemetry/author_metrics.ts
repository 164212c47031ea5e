/**
 * Metrics of agents' own (ctx.metrics), as `greenroom_agent_<name>` with the label `agent`. Bounded: MAX_NAMES names of
 * this instance, MAX_SERIES label sets each; what goes beyond is counted as dropped. A name keeps the kind that it had
 * first. A gauge is the sum over the running jobs that set it, so that it falls when a job ends.
 */
import { Counter, exponentialBuckets, Gauge, Histogram, type Labels, type Metric } from "./metrics.ts";

export interface AuthorPoint {
  kind: "counter" | "gauge" | "histogram";
  name: string;
  labels?: Labels | undefined;
  value: number;
}

const MAX_NAMES = 200;
const MAX_LABELS = 8;
/** Label sets of one gauge. */
const MAX_SERIES = 500;
const BUCKETS = exponentialBuckets(0.001, 4, 13);
/** Prometheus' own. */
const RESERVED = new Set(["agent", "le", "quantile"]);

type Kept =
  | { kind: "counter"; metric: Counter }
  | { kind: "histogram"; metric: Histogram }
  | { kind: "gauge"; metric: Gauge; values: GaugeValues };

export class AuthorMetrics {
  readonly #byName = new Map<string, Kept>();
  #dropped = 0;

  /** Points that were not kept. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Never throws: what does not fit is counted as dropped. */
  record(agent: string, jobId: string, points: readonly AuthorPoint[]): void {
    for (const point of points) {
      if (!this.#record(agent, jobId, point)) this.#dropped += 1;
    }
  }

  /** The job's gauges no longer count. */
  ended(jobId: string): void {
    for (const kept of this.#byName.values()) if (kept.kind === "gauge") kept.values.ended(jobId);
  }

  list(): Metric[] {
    return [...this.#byName.values()].map(({ metric }) => metric);
  }

  #record(agent: string, jobId: string, { kind, name, labels = {}, value }: AuthorPoint): boolean {
    const kept = this.#keep(kind, name);
    if (kept === null || !Number.isFinite(value) || Object.keys(labels).length > MAX_LABELS) return false;
    const own = Object.entries(labels).filter(([label]) => !RESERVED.has(label));
    const all = { ...Object.fromEntries(own), agent };
    if (kept.kind === "gauge") return kept.values.set(jobId, all, value);
    if (kept.kind === "histogram") kept.metric.observe(all, value);
    else if (value < 0) return false;
    else kept.metric.add(all, value);
    return true;
  }

  /** The metric of this name; null when there are too many, or the name has another kind. */
  #keep(kind: AuthorPoint["kind"], name: string): Kept | null {
    const known = this.#byName.get(name);
    if (known) return known.kind === kind ? known : null;
    if (this.#byName.size >= MAX_NAMES) return null;
    const made = make(kind, `greenroom_agent_${name}`);
    this.#byName.set(name, made);
    return made;
  }
}

/** Values by job, added up by labels when they are read. */
class GaugeValues {
  readonly #byKey = new Map<string, { labels: Labels; byJob: Map<string, number> }>();

  set(jobId: string, labels: Labels, value: number): boolean {
    const key = JSON.stringify(labels);
    const known = this.#byKey.get(key);
    if (!known && this.#byKey.size >= MAX_SERIES) return false;
    const series = known ?? { labels, byJob: new Map() };
    series.byJob.set(jobId, value);
    this.#byKey.set(key, series);
    return true;
  }

  ended(jobId: string): void {
    for (const [key, { byJob }] of this.#byKey) if (byJob.delete(jobId) && byJob.size === 0) this.#byKey.delete(key);
  }

  read(): { labels: Labels; value: number }[] {
    return [...this.#byKey.values()].map(({ labels, byJob }) => ({
      labels,
      value: byJob.values().reduce((sum, value) => sum + value, 0),
    }));
  }
}

function make(kind: AuthorPoint["kind"], name: string): Kept {
  const help = "Counted by agents themselves.";
  if (kind === "counter") return { kind, metric: new Counter(name, help) };
  if (kind === "histogram") return { kind, metric: new Histogram(name, help, BUCKETS) };
  const values = new GaugeValues();
  return { kind, metric: new Gauge(name, help, () => values.read()), values };
}
