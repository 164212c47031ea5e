import { LineChart } from "../charts/LineChart.tsx";
import { largestOf, latestOf, roundTop, type Series } from "../charts/series.ts";
import { count, duration } from "../format.ts";
import { Panel } from "../Panel.tsx";
import type { OverviewData, OverviewHistory } from "./types.ts";

/** Words under the quarters of the last hour. */
function timesOf({ sinceMs, untilMs }: OverviewHistory): string[] {
  const at = (share: number) => new Date(sinceMs + (untilMs - sinceMs) * share).toISOString().slice(11, 16);
  return [at(0), at(0.25), at(0.5), at(0.75), "now"];
}

function Legend({ items }: { items: { name: string; colour: string; value: string; isDashed?: boolean }[] }) {
  return (
    <span class="legend">
      {items.map(({ name, colour, value, isDashed }) => (
        <span key={name}>
          <i class={isDashed ? "key key-dash" : "key"} style={`--k: ${colour}`}></i>
          {name} <b>{value}</b>
        </span>
      ))}
    </span>
  );
}

export function CallsChart({ data: { history, overview } }: { data: OverviewData }) {
  const calls: Series = { values: history.calls, colour: "var(--chart-3)", isFilled: true };
  const capacity: Series = { values: history.capacity, colour: "var(--chart-6)", isDashed: true, isStepped: true };
  const now = count(overview.liveCalls);
  const limit = count(overview.headroom.maxJobs);
  return (
    <Panel
      id="calls-chart"
      title="Calls and capacity"
      aside={
        <Legend
          items={[
            { name: "calls", colour: calls.colour, value: now },
            { name: "capacity", colour: capacity.colour, value: limit, isDashed: true },
          ]}
        />
      }
    >
      <div class="p-4 pl-2">
        <LineChart
          label={`Live calls over the last hour, now ${now}, under a capacity of ${limit}`}
          series={[calls, capacity]}
          top={roundTop(largestOf([calls, capacity]) * 1.05)}
          format={(value) => String(value)}
          times={timesOf(history)}
        />
      </div>
    </Panel>
  );
}

export function ReadyChart({ history }: { history: OverviewHistory }) {
  const p50: Series = { values: history.readyP50, colour: "var(--chart-1)" };
  const p95: Series = { values: history.readyP95, colour: "var(--chart-2)" };
  const now = (values: (number | null)[]) => wordOf(latestOf(values), duration);
  return (
    <Panel
      id="ready-chart"
      title="Dispatch to ready"
      aside={
        <Legend
          items={[
            { name: "p50", colour: p50.colour, value: now(p50.values) },
            { name: "p95", colour: p95.colour, value: now(p95.values) },
          ]}
        />
      }
    >
      <div class="p-4 pl-2">
        <LineChart
          label={`Dispatch to ready over the last hour: p50 ${now(p50.values)}, p95 ${now(p95.values)}`}
          series={[p50, p95]}
          top={roundTop(largestOf([p50, p95]), 100)}
          format={(value) => value >= 1_000 ? `${value / 1_000} s` : String(value)}
          times={timesOf(history)}
          axisWidth="2.75rem"
        />
      </div>
    </Panel>
  );
}

function wordOf(value: number | null, format: (value: number) => string): string {
  return value === null ? "—" : format(value);
}
