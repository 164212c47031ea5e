/** Count, sum, extremes and percentiles of some values. */
export interface Summary {
  count: number;
  sum: number;
  min: number;
  max: number;
  p50: number;
  p95: number;
}

/** Null for no values: unknown is not 0. Percentiles by nearest rank. */
export function summarize(values: readonly number[]): Summary | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return null;
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? max;
  return {
    count: sorted.length,
    sum: sorted.reduce((total, value) => total + value, 0),
    min,
    max,
    p50: at(0.5),
    p95: at(0.95),
  };
}
