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
}

/** Lines over time with HTML axes; drawn on the server too, so it is there without JavaScript. */
export function LineChart({ label, series, top, format, times, axisWidth = "2.25rem" }: Props) {
  return (
    <div class="chart" style={`--h: 11.75rem; --yw: ${axisWidth}`} role="img" aria-label={label}>
      <div class="chart-y" aria-hidden="true">
        {QUARTERS.map((quarter) => (
          <span key={quarter} style={`bottom: ${quarter}%`}>{format(top * quarter / 100)}</span>
        ))}
      </div>
      <div class="chart-plot">
        <svg viewBox="0 0 600 100" preserveAspectRatio="none" aria-hidden="true">
          {QUARTERS.map((quarter) => (
            <line key={quarter} x1="0" x2="600" y1={quarter} y2={quarter} stroke="var(--chart-grid)" />
          ))}
          {series.map((each, index) => <Line key={index} series={each} top={top} />)}
        </svg>
      </div>
      <div class="chart-x" aria-hidden="true">
        {QUARTERS.map((quarter, index) => <span key={quarter} style={`left: ${quarter}%`}>{times[index]}</span>)}
      </div>
    </div>
  );
}

function Line({ series, top }: { series: Series; top: number }) {
  const { line, fill, newest } = pathsOf(series, top);
  const { colour, isFilled = false, isDashed = false } = series;
  const shared = { fill: "none", stroke: colour, "stroke-linejoin": "round" } as const;
  return (
    <>
      {isFilled && <path d={fill} fill={colour} fill-opacity=".12" />}
      <path
        d={line}
        {...shared}
        stroke-width={isDashed ? "1.5" : "1.75"}
        stroke-dasharray={isDashed ? "5 4" : undefined}
      />
      <path d={newest} {...shared} stroke-width="1.75" stroke-dasharray={isDashed ? "5 4" : "2 3"} />
    </>
  );
}
