/**
 * Ids of traces (w3.org/TR/trace-context). A dispatch's own are made from its and its jobs' ids, so that whoever knows
 * those knows the span to hang others under, without keeping anything: the trace is the caller's or the dispatch's id, a
 * span is the second half of a UUID (62 random bits).
 */

export interface TraceParent {
  traceId: string;
  spanId: string;
}

export function parseTraceparent(text: string | null | undefined): TraceParent | null {
  const [, traceId, spanId] = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text ?? "") ?? [];
  return traceId === undefined || spanId === undefined ? null : { traceId, spanId };
}

/** Always marked as sampled: every dispatch is recorded. */
export function formatTraceparent({ traceId, spanId }: TraceParent): string {
  return `00-${traceId}-${spanId}-01`;
}

export function traceIdOf(dispatchId: string, caller: TraceParent | null): string {
  return caller?.traceId ?? dispatchId.replaceAll("-", "");
}

export function spanIdOf(uuid: string): string {
  return uuid.replaceAll("-", "").slice(16);
}
