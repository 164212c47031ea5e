import type { ComponentChildren } from "preact";
import { pathsOf, type Series } from "./series.ts";

const QUARTERS = [0, 25, 50, 75, 100];

interface Props {
  /** What it shows, as a sentence with numbers. */
  label: string;
  series: readonly Series[];
  top: number;
  /** Words of the vertical axis, for 0, ¼, ½, ¾ and the top. */
  format: (value: number) => string;
  /** Words of the horizontal axis, for the same quarters. */
  times: readonly string[];
  axisWidth?: string;
  /** The last step is not over: it is dashed. */
  isPartial?: boolean;
  /** Only the grid: something else draws the lines. */
  isBare?: boolean;
  /** Drawn over the lines. */
  children?: ComponentChildren;
}

/** Lines over time with HTML axes; drawn on the server too, so it is there without JavaScript. */
export function LineChart(
  { label, series, top, format, times, axisWidth = "2.25rem", isPartial = true, isBare = false, children }: Props,
) {
  return (
    <div class="chart" style={`--h: 11.75rem; --yw: ${axisWidth}`}>
      <div class="chart-y" aria-hidden="true">
        {QUARTERS.map((quarter) => (
          <span key={quarter} style={`bottom: ${quarter}%`}>{format(top * quarter / 100)}</span>
        ))}
      </div>
      <div class="chart-plot">
        <svg viewBox="0 0 600 100" preserveAspectRatio="none" role="img" aria-label={label}>
          {QUARTERS.map((quarter) => (
            <line key={quarter} x1="0" x2="600" y1={quarter} y2={quarter} stroke="var(--chart-grid)" />
          ))}
          {!isBare &&
            series.map((each, index) => <Line key={index} series={each} top={top} isPartial={isPartial} />)}
        </svg>
        {children}
      </div>
      <div class="chart-x" aria-hidden="true">
        {QUARTERS.map((quarter, index) => <span key={quarter} style={`left: ${quarter}%`}>{times[index]}</span>)}
      </div>
    </div>
  );
}

function Line({ series, top, isPartial }: { series: Series; top: number; isPartial: boolean }) {
  const { line, fill, newest } = pathsOf(series, top);
  const { colour, isFilled = false, isDashed = false } = series;
  const shared = { fill: "none", stroke: colour, "stroke-linejoin": "round" } as const;
  const width = isDashed ? "1.5" : "1.75";
  const dashes = isDashed ? "5 4" : undefined;
  return (
    <>
      {isFilled && <path d={fill} fill={colour} fill-opacity=".12" />}
      <path d={line} {...shared} stroke-width={width} stroke-dasharray={dashes} />
      <path d={newest} {...shared} stroke-width={width} stroke-dasharray={dashes ?? (isPartial ? "2 3" : undefined)} />
    </>
  );
}
