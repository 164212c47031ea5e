/** Geometry of lines over time: buckets, round scales, SVG paths. Pure. A null is a gap: not known, never drawn as 0. */

export interface Series {
  /** One value per bucket, oldest first. */
  values: (number | null)[];
  /** `var(--chart-3)`, so that a browser can look it up for its theme. */
  colour: string;
  isDashed?: boolean;
  /** Holds its value until the next: limits, capacity. */
  isStepped?: boolean;
  isFilled?: boolean;
}

/** A series that legend, cursor and readers call by its name. */
export interface NamedSeries extends Series {
  name: string;
}

/** Equal steps of time, oldest first; the first begins at `sinceMs`. */
export interface Steps {
  sinceMs: number;
  stepMs: number;
  count: number;
}

/** Whole steps that hold everything from `sinceMs` to `untilMs`; they begin at multiples of `stepMs`, as samples do. */
export function stepsBetween(sinceMs: number, untilMs: number, stepMs: number): Steps {
  const first = Math.floor(sinceMs / stepMs);
  const last = Math.max(first, Math.ceil(untilMs / stepMs) - 1);
  return { sinceMs: first * stepMs, stepMs, count: last - first + 1 };
}

/** Values of [ms, value, …] points by the step that they lie in, one point each at most; a step without one is a gap. */
export function onSteps(
  points: readonly (readonly (number | null)[])[],
  { sinceMs, stepMs, count }: Steps,
  column = 1,
): (number | null)[] {
  const values: (number | null)[] = Array.from({ length: count }, () => null);
  for (const point of points) {
    const index = Math.floor(((point[0] ?? NaN) - sinceMs) / stepMs);
    if (index >= 0 && index < count) values[index] = point[column] ?? null;
  }
  return values;
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

/** Paths in a box of 600 × 100; the last bucket comes apart, to be dashed while it is partial. */
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
