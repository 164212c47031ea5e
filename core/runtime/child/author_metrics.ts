/**
 * ctx.metrics in the child: gathers what changed and sends it each second and at the end of the job. Bounded: beyond
 * MAX_SERIES series per job, and MAX_METRIC_POINTS values per second, what comes is left out and said once.
 */
import type { Counter, Gauge, Histogram, JobMetrics, MetricLabels } from "../../agent/job_metrics.ts";
import type { JobLog } from "../../agent/job_context.ts";
import { MAX_METRIC_POINTS } from "../message_limits.ts";
import type { ChildMessage, MetricPoint } from "../messages.ts";

const SEND_EVERY_MS = 1_000;
const MAX_SERIES = 200;
const MAX_LABELS = 8;
const MAX_LABEL_CHARS = 128;
const NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/;

export class AuthorMetrics implements JobMetrics {
  readonly #jobId: string;
  readonly #send: (message: ChildMessage) => void;
  readonly #log: Pick<JobLog, "warn">;
  readonly #series = new Set<string>();
  /** Counters and gauges since the last message, by series. */
  readonly #changed = new Map<string, MetricPoint>();
  #observed: MetricPoint[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isFull = false;

  constructor(jobId: string, send: (message: ChildMessage) => void, log: Pick<JobLog, "warn">) {
    this.#jobId = jobId;
    this.#send = send;
    this.#log = log;
  }

  counter(name: string): Counter {
    checkName(name);
    return {
      add: (count = 1, labels) => {
        if (!Number.isFinite(count) || count < 0) throw new RangeError(`Cannot add ${count} to counter ${name}`);
        this.#note({ kind: "counter", name, value: count, ...labelled(labels) }, (known) => known + count);
      },
    };
  }

  gauge(name: string): Gauge {
    checkName(name);
    return {
      set: (value, labels) => {
        if (!Number.isFinite(value)) throw new RangeError(`Cannot set gauge ${name} to ${value}`);
        this.#note({ kind: "gauge", name, value, ...labelled(labels) }, () => value);
      },
    };
  }

  histogram(name: string): Histogram {
    checkName(name);
    return {
      observe: (value, labels) => {
        if (!Number.isFinite(value)) throw new RangeError(`Cannot observe ${value} in histogram ${name}`);
        const point: MetricPoint = { kind: "histogram", name, value, ...labelled(labels) };
        if (!this.#admits(keyOf(point))) return;
        if (this.#observed.length + this.#changed.size >= MAX_METRIC_POINTS) return this.#full();
        this.#observed.push(point);
        this.#later();
      },
    };
  }

  /** Sends what has gathered. Called once more before the job's last message. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const points = [...this.#changed.values(), ...this.#observed];
    if (points.length === 0) return;
    this.#changed.clear();
    this.#observed = [];
    this.#send({ type: "metrics", jobId: this.#jobId, points });
  }

  #note(point: MetricPoint, merge: (known: number) => number): void {
    const key = keyOf(point);
    const known = this.#changed.get(key);
    if (known) known.value = merge(known.value);
    else if (this.#admits(key)) this.#changed.set(key, point);
    this.#later();
  }

  #admits(key: string): boolean {
    if (this.#series.has(key)) return true;
    if (this.#series.size >= MAX_SERIES) {
      this.#full();
      return false;
    }
    this.#series.add(key);
    return true;
  }

  #full(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#log.warn("Too many metrics of one job: some are not kept", { maxSeries: MAX_SERIES });
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.flush(), SEND_EVERY_MS);
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new TypeError(`Cannot make a metric "${name}": use letters, digits and "_"`);
}

function labelled(labels: MetricLabels | undefined): { labels?: Record<string, string> } {
  if (labels === undefined) return {};
  const entries = Object.entries(labels).slice(0, MAX_LABELS).map(([name, value]) => {
    checkName(name);
    return [name, String(value).slice(0, MAX_LABEL_CHARS)] as const;
  });
  return { labels: Object.fromEntries(entries) };
}

function keyOf({ kind, name, labels }: MetricPoint): string {
  return JSON.stringify([kind, name, labels ?? {}]);
}
