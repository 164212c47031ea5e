/**
 * Counters and histograms in memory, with labels, as Prometheus knows them. Only what `/metrics` needs: nothing is
 * exported by itself, and a label's values are few (agents, outcomes), bounded by MAX_SERIES per metric.
 */

export type Labels = Readonly<Record<string, string>>;

/** One line of Prometheus text: its name's suffix, labels and value. */
export interface Reading {
  suffix: string;
  labels: Labels;
  value: number;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  read(): Reading[];
}

/** More label sets than this are counted together under `other`. */
const MAX_SERIES = 500;

class Series<T> {
  readonly #byKey = new Map<string, { labels: Labels; value: T }>();

  constructor(readonly initial: () => T) {}

  of(labels: Labels): { labels: Labels; value: T } {
    const isFull = this.#byKey.size >= MAX_SERIES;
    const key = JSON.stringify(labels);
    const known = this.#byKey.get(key);
    if (known) return known;
    if (isFull && labels.agent !== "other") return this.of({ ...labels, agent: "other" });
    const made = { labels, value: this.initial() };
    this.#byKey.set(key, made);
    return made;
  }

  all(): { labels: Labels; value: T }[] {
    return [...this.#byKey.values()];
  }
}

export class Counter implements Metric {
  readonly type = "counter";
  readonly #series = new Series(() => 0);

  constructor(readonly name: string, readonly help: string) {}

  add(labels: Labels, count = 1): void {
    this.#series.of(labels).value += count;
  }

  read(): Reading[] {
    return this.#series.all().map(({ labels, value }) => ({ suffix: "", labels, value }));
  }
}

/** Read when it is asked for. */
export class Gauge implements Metric {
  constructor(
    readonly name: string,
    readonly help: string,
    readonly values: () => { labels: Labels; value: number }[],
    readonly type: "gauge" | "counter" = "gauge",
  ) {}

  read(): Reading[] {
    return this.values().map((reading) => ({ suffix: "", ...reading }));
  }
}

interface Buckets {
  /** Observations at or below each bound, not cumulative. */
  counts: number[];
  sum: number;
  count: number;
}

export class Histogram implements Metric {
  readonly type = "histogram";
  readonly #series: Series<Buckets>;

  /** @param bounds upper bounds, rising, without infinity. */
  constructor(readonly name: string, readonly help: string, readonly bounds: readonly number[]) {
    this.#series = new Series(() => ({ counts: bounds.map(() => 0), sum: 0, count: 0 }));
  }

  observe(labels: Labels, value: number): void {
    const buckets = this.#series.of(labels).value;
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket !== -1) buckets.counts[bucket] = (buckets.counts[bucket] ?? 0) + 1;
    buckets.sum += value;
    buckets.count += 1;
  }

  read(): Reading[] {
    return this.#series.all().flatMap(({ labels, value: { counts, sum, count } }) => {
      let below = 0;
      const buckets = this.bounds.map((bound, index) => {
        below += counts[index] ?? 0;
        return { suffix: "_bucket", labels: { ...labels, le: String(bound) }, value: below };
      });
      return [
        ...buckets,
        { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count },
        { suffix: "_sum", labels, value: sum },
        { suffix: "_count", labels, value: count },
      ];
    });
  }
}

/** `first · factor^n` for n from 0, rounded to what a float can show exactly enough. */
export function exponentialBuckets(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => Number((first * factor ** n).toPrecision(6)));
}
