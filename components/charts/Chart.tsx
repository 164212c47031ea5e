/**
 * A chart that answers: the server's drawing until the browser has loaded uPlot, then lines with a cursor that pointer and
 * arrow keys move, and a range to choose by dragging. When uPlot does not load, the drawing stays.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { timeZone } from "../live/time_zone.ts";
import { LineChart } from "./LineChart.tsx";
import type { Plot } from "./plot.ts";
import { latestOf, type NamedSeries, type Steps } from "./series.ts";
import { axisTimes, stepTime } from "./times.ts";

interface Props {
  title: string;
  /** What it shows, as a sentence with numbers. */
  label: string;
  series: readonly NamedSeries[];
  steps: Steps;
  /** The last step is not over. */
  isPartial: boolean;
  top: number;
  /** Words of a value. */
  format: (value: number) => string;
  /** Words of the vertical axis, when shorter than `format`. */
  axis?: (value: number) => string;
  axisWidth?: string;
  /** Without it nothing can be chosen by dragging. */
  onZoom?: (sinceMs: number, untilMs: number) => void;
}

export function Chart(
  { title, label, series, steps, isPartial, top, format, axis = format, axisWidth, onZoom }: Props,
) {
  const [index, setIndex] = useState<number | null>(null);
  const { host, plot, isDrawn } = usePlot({ series, count: steps.count, top, isPartial }, {
    onCursor: setIndex,
    onSelect: (from, to) => onZoom?.(steps.sinceMs + from * steps.stepMs, steps.sinceMs + (to + 1) * steps.stepMs),
  });
  const zone = timeZone.value;
  const last = steps.count - 1;
  const at = index === null || index > last ? null : index;
  const move = (event: KeyboardEvent) => {
    const next = keyTarget(event.key, at, last);
    if (next === undefined) return;
    event.preventDefault();
    plot.current?.setCursor(next);
  };
  return (
    <LineChart
      label={label}
      series={series}
      top={top}
      format={axis}
      times={axisTimes(steps, isPartial, zone)}
      isPartial={isPartial}
      isBare={isDrawn}
      {...(axisWidth === undefined ? {} : { axisWidth })}
    >
      <div
        ref={host}
        class="absolute -inset-0.5"
        {...(isDrawn
          ? {
            role: "slider",
            tabIndex: 0,
            "aria-label": `${title}, through time`,
            "aria-valuemin": 0,
            "aria-valuemax": last,
            "aria-valuenow": at ?? last,
            "aria-valuetext": wordsAt(series, steps, at ?? last, zone, format),
            onKeyDown: move,
            onBlur: () => plot.current?.setCursor(null),
          }
          : {})}
      />
      {series.every(({ values }) => latestOf(values) === null) && (
        <p class="pointer-events-none absolute inset-0 grid place-content-center text-xs text-muted">
          Nothing is known of this time.
        </p>
      )}
      {at !== null && isDrawn && (
        <div
          class="pointer-events-none absolute top-1 z-10 rounded-field border border-base-300 bg-base-100 px-2.5 py-1.5 text-xs shadow-overlay"
          style={`left: ${at / Math.max(1, last) * 100}%; transform: translateX(${
            at > last / 2 ? "calc(-100% - 8px)" : "8px"
          })`}
          aria-hidden="true"
        >
          <p class="mb-0.5 whitespace-nowrap text-muted">
            {stepTime(steps, at, zone)}
            {isPartial && at === last ? ", not over" : ""}
          </p>
          {series.map(({ name, colour, isDashed, values }) => (
            <p key={name} class="flex items-center gap-1.5 whitespace-nowrap">
              <i class={isDashed ? "key key-dash" : "key"} style={`--k: ${colour}`}></i>
              {name} <b class="ml-auto pl-3 font-semibold">{wordOf(values[at], format)}</b>
            </p>
          ))}
        </div>
      )}
    </LineChart>
  );
}

/** uPlot in `host`, loaded when the chart is there and kept up to date; `isDrawn` once it has taken over. */
function usePlot(
  model: ConstructorParameters<typeof Plot>[1],
  events: ConstructorParameters<typeof Plot>[2],
) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  const newest = useRef({ model, events });
  newest.current = { model, events };
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => {
    let isGone = false;
    import("./plot.ts").then(({ Plot }) => {
      if (isGone || !host.current) return;
      plot.current = new Plot(host.current, newest.current.model, {
        onCursor: (index) => newest.current.events.onCursor(index),
        onSelect: (from, to) => newest.current.events.onSelect(from, to),
      });
      setDrawn(true);
    }).catch(() => {
      // It did not load or can't run here: the server's drawing stays, and the next visit tries again.
    });
    return () => {
      isGone = true;
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.update(model), [model.series, model.count, model.top, model.isPartial]);
  return { host, plot, isDrawn };
}

/** Where a key takes the cursor; null: away; undefined: the key means something else. */
function keyTarget(key: string, at: number | null, last: number): number | null | undefined {
  const from = at ?? last;
  const targets: Record<string, number | null> = {
    ArrowLeft: at === null ? last : Math.max(0, from - 1),
    ArrowRight: at === null ? last : Math.min(last, from + 1),
    PageUp: Math.max(0, from - 10),
    PageDown: Math.min(last, from + 10),
    Home: 0,
    End: last,
    Escape: null,
  };
  return Object.hasOwn(targets, key) ? targets[key] : undefined;
}

function wordsAt(
  series: readonly NamedSeries[],
  steps: Steps,
  index: number,
  zone: "utc" | "local",
  format: (value: number) => string,
): string {
  const values = series.map(({ name, values }) => `${name} ${wordOf(values[index], format)}`);
  return `${stepTime(steps, index, zone)}: ${values.join(", ")}`;
}

function wordOf(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? "not known" : format(value);
}
