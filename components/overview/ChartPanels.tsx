import { ChartPanel } from "../charts/ChartPanel.tsx";
import { chartsHref } from "../charts/range.ts";
import type { NamedSeries } from "../charts/series.ts";
import { axisMs, meanCount } from "../charts/values.ts";
import { duration } from "../format.ts";
import type { OverviewData, OverviewHistory } from "./types.ts";

/** Where a chosen part is looked at in more detail. */
const zoom = (sinceMs: number, untilMs: number) =>
  location.assign(chartsHref({ kind: "between", sinceMs, untilMs }, null));

export function CallsChart({ data: { history, overview } }: { data: OverviewData }) {
  const series: NamedSeries[] = [
    { name: "calls", values: history.calls, colour: "var(--chart-3)", isFilled: true },
    { name: "capacity", values: history.capacity, colour: "var(--chart-6)", isDashed: true, isStepped: true },
  ];
  return (
    <ChartPanel
      id="calls-chart"
      title="Calls and capacity"
      label="Live calls over the last hour, under the capacity"
      series={series}
      now={[overview.liveCalls, overview.headroom.maxJobs]}
      steps={history.steps}
      isPartial
      format={meanCount}
      onZoom={zoom}
    />
  );
}

export function ReadyChart({ history }: { history: OverviewHistory }) {
  const series: NamedSeries[] = [
    { name: "p50", values: history.readyP50, colour: "var(--chart-1)" },
    { name: "p95", values: history.readyP95, colour: "var(--chart-2)" },
  ];
  return (
    <ChartPanel
      id="ready-chart"
      title="Dispatch to ready"
      label="Time from dispatch to ready over the last hour"
      series={series}
      steps={history.steps}
      isPartial
      leastTop={100}
      format={duration}
      axis={axisMs}
      axisWidth="2.75rem"
      onZoom={zoom}
    />
  );
}
