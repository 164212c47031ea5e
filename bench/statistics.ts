/** Percentiles and tables for benchmarks. */

export interface Summary {
  samples: number;
  min: number;
  p50: number;
  p95: number;
  max: number;
}

/** Nearest-rank percentiles of at least one value. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
  return { samples: sorted.length, min: rank(0), p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

/** Nearest-rank percentile, `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Writes what was measured to bench/results/<name>-<time>.json (not committed). */
export async function writeResults(name: string, measured: unknown): Promise<void> {
  const folder = new URL("./results/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const at = new Date().toISOString().replaceAll(":", "-");
  await Deno.writeTextFile(new URL(`${name}-${at}.json`, folder), JSON.stringify({ at, measured }, null, 2));
}

export interface Row {
  what: string;
  summary: Summary;
  unit: string;
  /** What it is measured against, e.g. "p50 ≤ 5 ms". */
  aim?: string;
  isMet?: boolean;
}

export function formatTable(rows: readonly Row[]): string {
  const cells = [["", "n", "min", "p50", "p95", "max", "aim", ""], ...rows.map(cellsOf)];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => [...line[column]!].length)));
  return cells.map((line) => line.map((cell, column) => pad(cell, widths[column]!, column)).join("  ").trimEnd()).join(
    "\n",
  );
}

function cellsOf({ what, summary, unit, aim, isMet }: Row): string[] {
  const { samples, min, p50, p95, max } = summary;
  const verdict = isMet === undefined ? "" : isMet ? "met" : "MISSED";
  return [
    `${what} (${unit})`,
    String(samples),
    ...[min, p50, p95, max].map((value) => value.toFixed(unit === "ratio" ? 2 : 1)),
    aim ?? "",
    verdict,
  ];
}

function pad(cell: string, width: number, column: number): string {
  const fill = " ".repeat(width - [...cell].length);
  return column === 0 || column >= 6 ? cell + fill : fill + cell;
}
