/** Rows of the waterfall: spans when there are some, else the stages that we stamped ourselves. Pure. */
import type { DispatchDetails, SpanView } from "./details.ts";
import { stageSpans } from "./stage_times.ts";

export interface WaterfallRow {
  key: string;
  name: string;
  depth: number;
  /** Percent of the whole width. */
  left: number;
  width: number;
  durationMs: number;
  /** It goes on after the right edge. */
  isCut: boolean;
  colour: string;
  isWait: boolean;
}

export interface Waterfall {
  rows: WaterfallRow[];
  /** The right edge. */
  endMs: number;
}

const MIN_END_MS = 10;
const MAX_DEPTH = 8;

/** The window ends a little after the last stage: the call itself may be hours long. */
export function waterfallOf({ dispatch, spans }: DispatchDetails): Waterfall {
  const startMs = Date.parse(dispatch.createdAt);
  const stages = stageSpans(dispatch.stages);
  const lastStageMs = Math.max(0, ...stages.map(({ atMs }) => atMs ?? 0));
  const endedMs = dispatch.stages.endedAt === null ? 0 : Date.parse(dispatch.stages.endedAt) - startMs;
  const windowMs = dispatch.stages.readyAt !== null ? lastStageMs : Math.max(lastStageMs, Math.min(endedMs, 60_000));
  const endMs = roundUp(Math.max(MIN_END_MS, windowMs * 1.02));
  const row = (key: string, name: string, depth: number, fromMs: number, durationMs: number) => {
    const left = Math.min(100, Math.max(0, fromMs / endMs * 100));
    return {
      key,
      name,
      depth,
      left,
      width: Math.min(100 - left, durationMs / endMs * 100),
      durationMs,
      isCut: fromMs + durationMs > endMs * 1.01,
    };
  };
  if (spans.length === 0) {
    let beforeMs = 0;
    const rows = stages.filter(({ atMs }) => atMs !== null).map(({ key, word, lastedMs, colour, isWait }) => {
      const made = { ...row(key, word.toLowerCase(), 0, beforeMs, lastedMs), colour, isWait };
      beforeMs += lastedMs;
      return made;
    });
    return { rows, endMs };
  }
  const rows = inTreeOrder(spans).map(({ span, depth }) => ({
    ...row(span.spanId, span.name, depth, Date.parse(span.startedAt) - startMs, span.durationMs),
    colour: span.isError ? "var(--st-failed)" : colourOf(span.name, depth),
    isWait: /queue|wait/.test(span.name),
  }));
  return { rows, endMs };
}

function colourOf(name: string, depth: number): string {
  if (/connect|signal|ice/.test(name)) return "var(--chart-1)";
  if (/ready|process/.test(name)) return "var(--chart-3)";
  return depth === 0 ? "var(--chart-6)" : "var(--chart-5)";
}

function inTreeOrder(spans: readonly SpanView[]): { span: SpanView; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const ordered: { span: SpanView; depth: number }[] = [];
  const visit = (span: SpanView, depth: number) => {
    ordered.push({ span, depth });
    if (depth >= MAX_DEPTH) return;
    for (const child of spans) if (child.parentSpanId === span.spanId) visit(child, depth + 1);
  };
  for (const span of spans) if (span.parentSpanId === null || !ids.has(span.parentSpanId)) visit(span, 0);
  return ordered;
}

/** To 1, 2 or 4 times a power of ten, so that its quarters are round. */
function roundUp(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  return [1, 2, 4, 8, 10].map((factor) => factor * power).find((value) => value >= ms) ?? ms;
}
