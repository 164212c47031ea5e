/**
 * A time, everywhere the same: in the zone that the reader chose, with the exact time on hover. In islands it follows the
 * choice by itself; what only the server rendered is brought up to it by `patchTimes`.
 */
import { ago, clock, exactTime, type Zone } from "./format.ts";
import { timeZone } from "./live/time_zone.ts";

/** clock 14:08:20.114 · second 14:08:20 · minute 2026-11-22 14:08 · exact, with date and zone. */
export type TimeShape = "clock" | "second" | "minute" | "exact";

interface Props {
  /** ISO 8601, or a Date. */
  at: string | Date;
  shape?: TimeShape;
  /** The present: the time is shown as "3 min ago" then. */
  nowMs?: number;
  class?: string;
}

export function Time({ at, shape = "second", nowMs, class: className }: Props) {
  const iso = typeof at === "string" ? at : at.toISOString();
  const zone = timeZone.value;
  return (
    <time
      dateTime={iso}
      title={exactTime(iso, zone)}
      class={className}
      data-shape={nowMs === undefined ? shape : "ago"}
    >
      {nowMs === undefined ? textOf(iso, shape, zone) : ago(iso, nowMs)}
    </time>
  );
}

function textOf(at: string, shape: TimeShape, zone: Zone): string {
  switch (shape) {
    case "clock":
      return clock(at, zone);
    case "second":
      return clock(at, zone).slice(0, 8);
    case "minute":
      return exactTime(at, zone).slice(0, 16);
    case "exact":
      return exactTime(at, zone);
  }
}

/** Rewrites every time on the page; text nodes are kept, so that islands go on owning theirs. */
export function patchTimes(root: ParentNode, zone: Zone): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-shape]")) {
    const at = element.dateTime;
    element.title = exactTime(at, zone);
    const text = element.firstChild;
    const { shape } = element.dataset;
    if (text instanceof Text && shape !== "ago") text.data = textOf(at, shape as TimeShape, zone);
  }
}
