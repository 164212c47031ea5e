/** A dispatch's trace as REST shows it: what is stored, and while it runs the stages so far as open spans. */
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { listSpansOfDispatch, type SpanRecord } from "../../db/spans.ts";
import { tracedDispatch } from "../dispatch/dispatch_trace.ts";
import { type DispatchView, viewOfDispatch } from "../dispatch/dispatch_view.ts";
import type { LiveDispatches } from "../dispatch/live_dispatches.ts";
import { DispatchTracer } from "../telemetry/dispatch_tracer.ts";
import { recordOf, type SpanWriter } from "../telemetry/span_writer.ts";

export interface TraceSources {
  database: Database;
  live: LiveDispatches;
  tracer: DispatchTracer;
  spanWriter: SpanWriter;
  instanceId: string;
}

const MAX_SPANS = 2_000;
/** The request's own clock may be a little behind. */
const MARGIN_MS = 60_000;

export interface TraceView {
  dispatchId: string;
  traceId: string;
  /** The dispatch has not ended: its own spans end now. */
  isOpen: boolean;
  /** There were more than are shown. */
  isCut: boolean;
  spans: SpanRecord[];
}

/** Null: there is no such dispatch. */
export async function readTrace(sources: TraceSources, dispatchId: string): Promise<TraceView | null> {
  const { database, live, spanWriter } = sources;
  const stored = live.find(dispatchId) ? null : await findDispatch(database, dispatchId);
  const view = live.find(dispatchId)?.view ?? (stored && viewOfDispatch(stored));
  if (!view) return null;
  await spanWriter.forceFlush();
  const since = new Date(Date.parse(view.createdAt) - MARGIN_MS);
  const found = await listSpansOfDispatch(database, { dispatchId, since, limit: MAX_SPANS + 1 });
  const isOpen = view.stages.endedAt === null;
  const hasOwn = found.some(({ name }) => name === "dispatch");
  // Ended but without spans of ours: it ended while nobody could record them.
  const own = hasOwn ? [] : spansSoFar(sources, view);
  const spans = [...own, ...found].sort((a, b) => a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : 0);
  const traceId = spans[0]?.traceId ?? sources.tracer.traceIdOf(dispatchId);
  return { dispatchId, traceId, isOpen, isCut: found.length > MAX_SPANS, spans: spans.slice(0, MAX_SPANS) };
}

function spansSoFar({ tracer, instanceId }: TraceSources, view: DispatchView): SpanRecord[] {
  const spans: SpanRecord[] = [];
  const nothing = () => Promise.resolve();
  const collect = { onStart: () => {}, forceFlush: nothing, shutdown: nothing };
  const onEnd = (span: Parameters<typeof recordOf>[0]) => void spans.push(recordOf(span, instanceId));
  const traced = tracedDispatch(view, () => "room", Date.now());
  new DispatchTracer([{ ...collect, onEnd }]).dispatchEnded(traced);
  return spans.map((span) => ({ ...span, traceId: tracer.traceIdOf(view.id) }));
}
