/**
 * Draws a chart's lines by uPlot, over the grid and between the axes that are HTML. Loaded when a chart is there to be
 * drawn: it is the only file that imports uPlot.
 *
 * A series is drawn as two: what is over, and the newest, partial step, dashed. What is not known is a gap. The horizontal
 * axis counts steps, so that a plot does not care what a step is.
 */
import uPlot from "uplot";
import type { Series } from "./series.ts";

export interface PlotModel {
  series: readonly Series[];
  /** Steps; every series has a value for each. */
  count: number;
  /** Top of the scale, whose bottom is 0. */
  top: number;
  isPartial: boolean;
}

export interface PlotEvents {
  /** The step under the pointer or the keyboard's cursor; null: none. */
  onCursor: (index: number | null) => void;
  /** Two different steps were chosen by dragging. */
  onSelect: (from: number, to: number) => void;
}

/** The host reaches so far beyond the grid on every side: a line along an edge is not cut in half. */
const EDGE_PX = 2;
/** Narrower drags are clicks that slipped. */
const MIN_DRAG_PX = 8;
const PARTIAL_DASH = [2, 3];
const LIMIT_DASH = [5, 4];

type Values = (number | null)[];

export class Plot {
  readonly #host: HTMLElement;
  readonly #events: PlotEvents;
  readonly #ending = new AbortController();
  readonly #sizes: ResizeObserver;
  #model: PlotModel;
  #colours: Colours[];
  #uplot: uPlot;

  constructor(host: HTMLElement, model: PlotModel, events: PlotEvents) {
    this.#host = host;
    this.#events = events;
    this.#model = model;
    this.#colours = coloursOf(host, model.series);
    this.#uplot = this.#make();
    this.#sizes = new ResizeObserver(() => this.#uplot.setSize(sizeOf(host)));
    this.#sizes.observe(host);
    this.#followTheme();
  }

  update(model: PlotModel): void {
    const isSame = model.count === this.#model.count && model.top === this.#model.top &&
      model.series.length === this.#model.series.length &&
      model.series.every(({ values }, index) => values === this.#model.series[index]?.values);
    if (isSame) return;
    const isSameShape = model.isPartial === this.#model.isPartial &&
      model.series.length === this.#model.series.length &&
      model.series.every(({ colour }, index) => colour === this.#model.series[index]?.colour);
    this.#model = model;
    if (isSameShape) return this.#uplot.setData(dataOf(model));
    this.#uplot.destroy();
    this.#colours = coloursOf(this.#host, model.series);
    this.#uplot = this.#make();
  }

  /** Null takes the cursor away. */
  setCursor(index: number | null): void {
    const left = index === null ? -10 : this.#uplot.valToPos(index, "x");
    this.#uplot.setCursor({ left, top: index === null ? -10 : 0 });
  }

  destroy(): void {
    this.#ending.abort();
    this.#sizes.disconnect();
    this.#uplot.destroy();
  }

  #make(): uPlot {
    const options: uPlot.Options = {
      ...sizeOf(this.#host),
      padding: [EDGE_PX, EDGE_PX, EDGE_PX, EDGE_PX],
      legend: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: {
        x: { time: false, range: () => [0, Math.max(1, this.#model.count - 1)] },
        y: { range: () => [0, this.#model.top] },
      },
      cursor: { y: false, drag: { x: true, y: false, setScale: false } },
      series: [{}, ...this.#model.series.flatMap((series, index) => this.#pair(series, index))],
      hooks: {
        setCursor: [({ cursor }) => this.#events.onCursor(cursor.idx ?? null)],
        setSelect: [(uplot) => this.#selected(uplot)],
      },
    };
    return new uPlot(options, dataOf(this.#model), this.#host);
  }

  /** What is over, and the newest step. */
  #pair({ isDashed = false, isStepped = false, isFilled = false }: Series, index: number): uPlot.Series[] {
    const shared: uPlot.Series = {
      stroke: () => this.#colours[index]?.line ?? "",
      width: isDashed ? 1.5 : 1.75,
      ...(isFilled ? { fill: () => this.#colours[index]?.fill ?? "" } : {}),
      ...(isStepped && uPlot.paths.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
      points: { show: true, size: 4, filter: (uplot, which) => aloneAt(uplot.data[which] as Values) },
    };
    const newestDash = isDashed ? LIMIT_DASH : this.#model.isPartial ? PARTIAL_DASH : null;
    return [
      { ...shared, ...(isDashed ? { dash: LIMIT_DASH } : {}) },
      { ...shared, ...(newestDash ? { dash: newestDash } : {}) },
    ];
  }

  #selected(uplot: uPlot): void {
    const { left, width } = uplot.select;
    if (width === 0) return;
    const [from, to] = [left, left + width].map((px) => Math.round(uplot.posToVal(px, "x")));
    uplot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width < MIN_DRAG_PX || from === undefined || to === undefined || from >= to) return;
    this.#events.onSelect(Math.max(0, from), Math.min(this.#model.count - 1, to));
  }

  /** The reader's choice of colours, and the system's. */
  #followTheme(): void {
    const { signal } = this.#ending;
    const redraw = () =>
      requestAnimationFrame(() => {
        if (signal.aborted) return;
        this.#colours = coloursOf(this.#host, this.#model.series);
        this.#uplot.redraw(false);
      });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
    document.addEventListener("change", ({ target }) => {
      if (target instanceof Element && target.matches(".theme-controller")) redraw();
    }, { signal });
  }
}

interface Colours {
  line: string;
  fill: string;
}

/** What the theme's variables stand for here and now, in a form that a canvas takes. */
function coloursOf(host: HTMLElement, series: readonly Series[]): Colours[] {
  const probe = host.appendChild(document.createElement("span"));
  const resolve = (colour: string) => {
    probe.style.color = colour;
    return getComputedStyle(probe).color;
  };
  const colours = series.map(({ colour }) => ({
    line: resolve(colour),
    fill: resolve(`color-mix(in oklab, ${colour} 12%, transparent)`),
  }));
  probe.remove();
  return colours;
}

function dataOf({ series, count }: PlotModel): uPlot.AlignedData {
  const steps = Array.from({ length: count }, (_, index) => index);
  const lines = series.flatMap(({ values }): Values[] => [
    values.map((value, index) => index === count - 1 ? null : value),
    values.map((value, index) => index < count - 2 ? null : value),
  ]);
  return [steps, ...lines];
}

/** Values without a neighbour: as lines they would be invisible. */
function aloneAt(values: Values): number[] {
  const isKnown = (index: number) => (values[index] ?? null) !== null;
  return values.flatMap((_, index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1) ? [index] : []);
}

function sizeOf(host: HTMLElement): { width: number; height: number } {
  return { width: Math.max(1, host.clientWidth), height: Math.max(1, host.clientHeight) };
}
