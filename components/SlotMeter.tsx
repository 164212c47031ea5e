/** One cell is one slot: in a call, warm, free, leaving (its instance drains), closed. */
import { plural } from "./format.ts";

export interface SlotCounts {
  call: number;
  warm: number;
  free: number;
  leaving: number;
  closed: number;
}

export const SLOT_KINDS = ["call", "leaving", "warm", "free", "closed"] as const;
/** An instance with more slots is drawn to scale with this many cells. */
const MAX_CELLS = 60;

export function SlotMeter({ name, slots, isSmall = false }: { name: string; slots: SlotCounts; isSmall?: boolean }) {
  const total = SLOT_KINDS.reduce((sum, kind) => sum + slots[kind], 0);
  const scale = Math.min(1, MAX_CELLS / Math.max(1, total));
  const cells = SLOT_KINDS.flatMap((kind) => Array.from({ length: Math.ceil(slots[kind] * scale) }, () => kind));
  return (
    <div class={isSmall ? "slots slots-sm" : "slots"} role="img" aria-label={`${name}: ${wordsOf(slots)}`}>
      {cells.map((kind, index) => <i key={index} class="slot" data-s={kind}></i>)}
    </div>
  );
}

function wordsOf({ call, warm, free, leaving, closed }: SlotCounts): string {
  return [
    leaving > 0 ? `${plural(leaving, "call")} ending` : plural(call, "call"),
    warm > 0 && plural(warm, "warm slot"),
    free > 0 && plural(free, "free slot"),
    closed > 0 && `${plural(closed, "slot")} closed`,
  ].filter(Boolean).join(", ");
}

/** What the slots of an instance are used for. @param warm of this instance's slots; 0 when it is not known. */
export function slotCounts(
  { state, maxJobs, liveJobs }: { state: string; maxJobs: number; liveJobs: number },
  warm: number,
): SlotCounts {
  const rest = Math.max(0, maxJobs - liveJobs);
  if (state === "cordoned") return { call: liveJobs, leaving: 0, warm: 0, free: 0, closed: rest };
  if (state !== "running") return { call: 0, leaving: liveJobs, warm: 0, free: 0, closed: rest };
  const isWarm = Math.min(rest, warm);
  return { call: liveJobs, leaving: 0, warm: isWarm, free: rest - isWarm, closed: 0 };
}
