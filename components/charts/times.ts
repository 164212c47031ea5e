/** Words for times of charts. Pure; the zone is an argument. */
import { clock, exactTime, type Zone } from "../format.ts";
import type { Steps } from "./series.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Longer spans name days, not minutes. */
const DAYS_FROM_MS = 36 * HOUR_MS;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export const spanMsOf = ({ stepMs, count }: Steps): number => stepMs * count;

/** When a step begins. */
export const timeOf = ({ sinceMs, stepMs }: Steps, index: number): number => sinceMs + index * stepMs;

/** Words under the first, middle and last steps, a quarter of the way apart; "now" under one that is not over. */
export function axisTimes(steps: Steps, isPartial: boolean, zone: Zone): string[] {
  const at = (share: number) => shortTime(timeOf(steps, Math.round((steps.count - 1) * share)), spanMsOf(steps), zone);
  return [at(0), at(0.25), at(0.5), at(0.75), isPartial ? "now" : at(1)];
}

/** "14:05" in spans of a day or so, else "21 Nov". */
function shortTime(ms: number, spanMs: number, zone: Zone): string {
  if (spanMs <= DAYS_FROM_MS) return clock(new Date(ms), zone).slice(0, 5);
  return dayOf(ms, zone);
}

function dayOf(ms: number, zone: Zone): string {
  const [, month, day] = exactTime(new Date(ms), zone).slice(0, 10).split("-").map(Number);
  return `${day} ${MONTHS[(month ?? 1) - 1]}`;
}

/** "14:05:30", "14:05" or "21 Nov 14:00": as exact as the step. */
export function stepTime(steps: Steps, index: number, zone: Zone): string {
  const ms = timeOf(steps, index);
  const text = clock(new Date(ms), zone).slice(0, steps.stepMs < MINUTE_MS ? 8 : 5);
  return spanMsOf(steps) <= DAYS_FROM_MS ? text : `${dayOf(ms, zone)} ${text}`;
}

/** "30 s", "10 min", "1 h". */
export function stepWords(stepMs: number): string {
  if (stepMs < MINUTE_MS) return `${stepMs / 1000} s`;
  if (stepMs < HOUR_MS) return `${Math.round(stepMs / MINUTE_MS)} min`;
  return `${Math.round(stepMs / HOUR_MS)} h`;
}
