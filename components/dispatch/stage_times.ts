/** Stages of a dispatch as spans from its request; pure. */
import type { Stages } from "./types.ts";

export interface StageSpan {
  key: "placed" | "entered" | "connected" | "ready";
  word: string;
  /** CSS colour. */
  colour: string;
  /** From the request to the reaching of this stage; null: not reached. */
  atMs: number | null;
  /** Since the stage before. */
  lastedMs: number;
  at: string | null;
  /** A wait that is long enough to be seen as one is drawn hatched. */
  isWait: boolean;
}

/** Placing takes a few milliseconds when a slot is free; longer means that it waited for one. */
const WAIT_FROM_MS = 50;

export function stageSpans(stages: Stages): StageSpan[] {
  const requestedMs = Date.parse(stages.requestedAt);
  const steps = [
    { key: "placed", word: "Placed", colour: "var(--chart-6)", at: stages.assignedAt },
    { key: "entered", word: "Entered", colour: "var(--chart-5)", at: stages.enteredAt },
    { key: "connected", word: "Connected", colour: "var(--chart-1)", at: stages.connectedAt },
    { key: "ready", word: "Ready", colour: "var(--chart-3)", at: stages.readyAt },
  ] as const;
  let beforeMs = 0;
  return steps.map((step) => {
    const atMs = step.at === null ? null : Math.max(0, Date.parse(step.at) - requestedMs);
    const lastedMs = atMs === null ? 0 : Math.max(0, atMs - beforeMs);
    beforeMs = atMs ?? beforeMs;
    return { ...step, atMs, lastedMs, isWait: step.key === "placed" && lastedMs >= WAIT_FROM_MS };
  });
}

/** Null: not ready. */
export function readyMs({ requestedAt, readyAt }: Stages): number | null {
  return readyAt === null ? null : Math.max(0, Date.parse(readyAt) - Date.parse(requestedAt));
}
