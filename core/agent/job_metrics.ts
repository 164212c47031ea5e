/**
 * The author's own metrics, in Prometheus' words. They appear in /metrics as `greenroom_agent_<name>` with the label
 * `agent`. Names and labels: letters, digits and "_"; few values per label, because each combination is kept in memory.
 */

export type MetricLabels = Readonly<Record<string, string>>;

export interface Counter {
  /** Adds to it, 1 unless said otherwise; never less than 0. */
  add(count?: number, labels?: MetricLabels): void;
}

export interface Gauge {
  /** Sets this job's value; what is shown is the sum over the agent's running jobs. */
  set(value: number, labels?: MetricLabels): void;
}

export interface Histogram {
  /** Notes one value, in base units (seconds, bytes). Buckets: 0.001 · 4^n up to 16,777 (13 of them). */
  observe(value: number, labels?: MetricLabels): void;
}

export interface JobMetrics {
  /** Throws a TypeError when the name is not one that Prometheus takes. The same name gives the same metric. */
  counter(name: string): Counter;
  gauge(name: string): Gauge;
  histogram(name: string): Histogram;
}
