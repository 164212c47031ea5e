/** Which time the Charts page shows, as its address says it. Pure; browser and server read it alike. */

/** The last so many hours, or between two instants. */
export type ChartRange =
  | { kind: "last"; name: RangeName }
  | { kind: "between"; sinceMs: number; untilMs: number };

export const RANGES = ["1h", "24h", "7d"] as const;
export type RangeName = typeof RANGES[number];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const RANGE_MS: Record<RangeName, number> = { "1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS };

/** Less shows nothing: samples are taken every 5 s. */
export const MIN_SPAN_MS = 60_000;
export const MAX_SPAN_MS = 400 * DAY_MS;

/** What can't be understood is the last hour. */
export function readRange(params: URLSearchParams): ChartRange {
  const [sinceMs, untilMs] = [params.get("since"), params.get("until")].map((text) => Date.parse(text ?? ""));
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs < untilMs && untilMs - sinceMs <= MAX_SPAN_MS) {
    return { kind: "between", sinceMs: Math.min(sinceMs, untilMs - MIN_SPAN_MS), untilMs };
  }
  return { kind: "last", name: RANGES.find((name) => name === params.get("range")) ?? "1h" };
}

export function chartsHref(range: ChartRange, agent: string | null): string {
  const params = new URLSearchParams(
    range.kind === "last"
      ? { range: range.name }
      : { since: new Date(range.sinceMs).toISOString(), until: new Date(range.untilMs).toISOString() },
  );
  if (agent !== null) params.set("agent", agent);
  return `/charts?${params}`;
}

export function spanOf(range: ChartRange, nowMs: number): { sinceMs: number; untilMs: number } {
  if (range.kind === "between") return { sinceMs: range.sinceMs, untilMs: range.untilMs };
  return { sinceMs: nowMs - RANGE_MS[range.name], untilMs: nowMs };
}
