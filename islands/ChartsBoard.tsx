/** Charts over time, live: how many, how fast, how full, how long one waits, who heard nothing. */
import { ChartPanel } from "../components/charts/ChartPanel.tsx";
import { chartsHref } from "../components/charts/range.ts";
import { RangeBar } from "../components/charts/RangeBar.tsx";
import type { NamedSeries } from "../components/charts/series.ts";
import { stepWords } from "../components/charts/times.ts";
import { axisMs, meanCount, percent } from "../components/charts/values.ts";
import type { ChartsData } from "../components/charts/types.ts";
import { bytes, count, duration } from "../components/format.ts";
import { useLivePage } from "../components/live/use_live_page.ts";

const STAGE_COLOURS = {
  assigned: "var(--chart-5)",
  entered: "var(--chart-6)",
  connected: "var(--chart-1)",
  ready: "var(--chart-3)",
};
/** The server answers what it has and reads anew; that is there a moment later. */
const STALE_MS = 1_000;
const FULL = 1;
const MEBIBYTE = 1_048_576;

export default function ChartsBoard({ initial }: { initial: ChartsData }) {
  const { range, agent } = initial;
  const href = chartsHref(range, agent);
  // What is over does not change.
  const { data } = useLivePage(initial, `${href}&as=data`, initial.isPartial ? ["load"] : [], {
    staleMs: STALE_MS,
  });
  const { steps, isPartial } = data;
  const shared = {
    steps,
    isPartial,
    axisWidth: "3.5rem",
    onZoom: (sinceMs: number, untilMs: number) =>
      location.assign(chartsHref({ kind: "between", sinceMs, untilMs }, agent)),
  };
  const all = agent === null ? {} : { note: "all agents" };
  return (
    <div class="mx-auto grid max-w-[88rem] grid-cols-[minmax(0,1fr)] gap-4">
      <RangeBar data={data} />
      <div class="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-2">
        <ChartPanel
          {...shared}
          id="throughput"
          title="Throughput"
          note={`jobs ended per ${stepWords(steps.stepMs)}`}
          label="Jobs that ended, by outcome"
          series={outcomesOf(data)}
          format={meanCount}
        />
        <ChartPanel
          {...shared}
          id="calls"
          title="Calls and capacity"
          label="Live calls under the capacity"
          series={[
            {
              name: agent === null ? "calls" : `calls of ${agent}`,
              values: data.calls,
              colour: "var(--chart-3)",
              isFilled: true,
            },
            { name: "capacity", values: data.capacity, colour: "var(--chart-6)", isDashed: true, isStepped: true },
          ]}
          format={meanCount}
        />
        {(["p50", "p95"] as const).map((share) => (
          <ChartPanel
            {...shared}
            key={share}
            id={`stages-${share}`}
            title={`Stages, ${share}`}
            note="from the request"
            label={`Time from the request to each stage, ${share}`}
            series={data.stages.map((line) => ({
              name: line.stage,
              values: line[share],
              colour: STAGE_COLOURS[line.stage],
            }))}
            leastTop={100}
            format={duration}
            axis={axisMs}
          />
        ))}
        <ChartPanel
          {...shared}
          id="waiting"
          title="Waiting for an agent"
          label="Dispatches in the queue, at most in each step"
          series={[{ name: "waiting", values: data.waiting, colour: "var(--chart-5)", isFilled: true }]}
          format={meanCount}
        />
        <ChartPanel
          {...shared}
          id="dead-air"
          title="Dead air"
          note={data.losses === 0
            ? "no caller heard silence"
            : `${count(data.losses)} lost, per ${stepWords(steps.stepMs)}`}
          label="Time in which callers heard nothing"
          series={[{ name: "dead air", values: data.deadAirMs, colour: "var(--chart-4)", isFilled: true }]}
          leastTop={4_000}
          format={duration}
          axis={axisMs}
        />
        <ChartPanel
          {...shared}
          {...all}
          id="cpu"
          title="CPU"
          label="Share of the machines' cores in use"
          series={[{ name: "CPU", values: data.cpu, colour: "var(--chart-1)" }]}
          top={FULL}
          format={percent}
        />
        <ChartPanel
          {...shared}
          {...all}
          id="memory"
          title="Memory"
          label="Memory of control planes and agents"
          series={[{ name: "memory", values: data.memoryBytes, colour: "var(--chart-1)" }]}
          unit={MEBIBYTE}
          leastTop={200}
          format={bytes}
        />
      </div>
    </div>
  );
}

function outcomesOf({ succeeded, failed, cancelled }: ChartsData): NamedSeries[] {
  return [
    { name: "succeeded", values: succeeded, colour: "var(--chart-3)", isFilled: true },
    { name: "failed", values: failed, colour: "var(--st-failed)" },
    { name: "cancelled", values: cancelled, colour: "var(--chart-5)" },
  ];
}
