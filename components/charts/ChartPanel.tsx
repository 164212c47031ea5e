/** A panel with one chart, its legend and the latest values. */
import { Panel } from "../Panel.tsx";
import { Chart } from "./Chart.tsx";
import { largestOf, latestOf, type NamedSeries, roundTop, type Steps } from "./series.ts";

interface Props {
  id: string;
  title: string;
  /** Behind the title, in the second voice. */
  note?: string;
  series: readonly NamedSeries[];
  steps: Steps;
  isPartial: boolean;
  /** Words of a value. */
  format: (value: number) => string;
  axis?: (value: number) => string;
  axisWidth?: string;
  /** The scale's top is at least this. */
  leastTop?: number;
  /** Exactly this: of shares. */
  top?: number;
  /** What the scale counts in, for round numbers: 1,048,576 for bytes. */
  unit?: number;
  /** Values of now, where they are known better than from the newest step; by series. */
  now?: readonly (number | null)[];
  /** What it shows, as a sentence. */
  label: string;
  onZoom?: (sinceMs: number, untilMs: number) => void;
}

export function ChartPanel({ id, title, note, series, label, leastTop, top, unit = 1, now, format, ...chart }: Props) {
  const latest = (index: number) => {
    const value = now?.[index] ?? latestOf(series[index]?.values ?? []);
    return value === null ? "—" : format(value);
  };
  const described = series.map(({ name }, index) => `${name} ${latest(index)}`).join(", ");
  return (
    <Panel
      id={id}
      title={title}
      lead={note === undefined ? undefined : <span class="text-xs text-muted">{note}</span>}
      aside={
        <span class="legend">
          {series.map(({ name, colour, isDashed }, index) => (
            <span key={name}>
              <i class={isDashed ? "key key-dash" : "key"} style={`--k: ${colour}`}></i>
              {name} <b>{latest(index)}</b>
            </span>
          ))}
        </span>
      }
    >
      <div class="p-4 pl-2">
        <Chart
          {...chart}
          title={title}
          label={`${label}. Latest: ${described}.`}
          series={series}
          format={format}
          top={top ?? roundTop(largestOf(series) * 1.05 / unit, leastTop) * unit}
        />
      </div>
    </Panel>
  );
}
