/** Geometry of lines over time: buckets, round scales, SVG paths. Pure. A null is a gap: not known, never drawn as 0. */

export interface Series {
  /** One value per bucket, oldest first. */
  values: (number | null)[];
  colour: string;
  isDashed?: boolean;
  /** Holds its value until the next: limits, capacity. */
  isStepped?: boolean;
  isFilled?: boolean;
}

/** Means of [ms, value] points in `buckets` equal intervals from `sinceMs` to `untilMs`. */
export function toBuckets(
  points: readonly (readonly (number | null)[])[],
  { sinceMs, untilMs, buckets, column = 1 }: { sinceMs: number; untilMs: number; buckets: number; column?: number },
): (number | null)[] {
  const sums = Array.from({ length: buckets }, () => ({ sum: 0, count: 0 }));
  for (const point of points) {
    const [at, value] = [point[0], point[column]];
    if (typeof at !== "number" || typeof value !== "number") continue;
    const bucket = sums[Math.floor((at - sinceMs) / (untilMs - sinceMs) * buckets)];
    if (!bucket) continue;
    bucket.sum += value;
    bucket.count += 1;
  }
  return sums.map(({ sum, count }) => count === 0 ? null : sum / count);
}

/** The top of a scale with four equal steps of round numbers, at least `least`. */
export function roundTop(largest: number, least = 4): number {
  const target = Math.max(largest, least) / 4;
  const power = 10 ** Math.floor(Math.log10(target));
  const step = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((factor) => factor * power).find((value) => value >= target) ??
    target;
  return step * 4;
}

export function largestOf(series: readonly Series[]): number {
  return Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
}

/** Newest value that is known. */
export function latestOf(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

/** Paths in a box of 600 × 100; the last, partial bucket comes apart, to be dashed. */
export function pathsOf({ values, isStepped = false }: Series, top: number) {
  const x = (index: number) => round(index / Math.max(1, values.length - 1) * 600);
  const y = (value: number) => round(100 - Math.min(1, value / top) * 100);
  let line = "";
  let fill = "";
  let runStart: number | null = null;
  values.forEach((value, index) => {
    if (value === null) {
      if (runStart !== null) fill += `L${x(index - 1)} 100L${runStart} 100Z`;
      runStart = null;
      return;
    }
    const point = `${x(index)} ${y(value)}`;
    const step = isStepped && runStart !== null ? `H${x(index)}V${y(value)}` : `L${point}`;
    if (runStart === null) {
      runStart = x(index);
      fill += `M${point}`;
      // A value without neighbours is a short stroke: it would be invisible otherwise.
      line += `M${point}h${values[index + 1] === null || index === values.length - 1 ? "-5" : "0"}`;
    } else {
      fill += step;
      if (index < values.length - 1) line += step;
    }
  });
  if (runStart !== null) fill += `L600 100L${runStart} 100Z`;
  const [before, last] = [values.at(-2) ?? null, values.at(-1) ?? null];
  const newest = before === null || last === null
    ? ""
    : isStepped
    ? `M${x(values.length - 2)} ${y(before)}H600V${y(last)}`
    : `M${x(values.length - 2)} ${y(before)}L600 ${y(last)}`;
  return { line, fill, newest };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
