/** When the calls of a draining instance should end, from how long their agents' calls usually last. Pure. */
import type { ClosedCall } from "./types.ts";

export interface Prediction {
  /** Milliseconds since the epoch; null: not known. */
  endsAtMs: number | null;
  why: string;
}

/** A call that has lasted longer than usual ends when it ends. */
export function predictEnd({ since, usualMs }: ClosedCall, nowMs: number): Prediction {
  if (usualMs === null) return { endsAtMs: null, why: "no call of this agent has ended lately" };
  const startedAtMs = Date.parse(since);
  const ageMs = nowMs - startedAtMs;
  if (ageMs < usualMs) return { endsAtMs: startedAtMs + usualMs, why: "usual length of this agent" };
  const times = Math.floor(ageMs / Math.max(1, usualMs));
  return { endsAtMs: null, why: times < 2 ? "longer than usual" : `${times} times the usual length` };
}

/** When the last of them should end; null when one is not known. */
export function predictEmpty(calls: readonly ClosedCall[], nowMs: number): number | null {
  let lastMs: number | null = null;
  for (const call of calls) {
    const { endsAtMs } = predictEnd(call, nowMs);
    if (endsAtMs === null) return null;
    lastMs = Math.max(lastMs ?? 0, endsAtMs);
  }
  return lastMs;
}
