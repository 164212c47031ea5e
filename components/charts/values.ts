/** Words of values in charts. */
import { count } from "../format.ts";

/** Means of counts: 1,284 · 12 · 3.5 · 0.2. */
export function meanCount(value: number): string {
  if (value >= 10 || Number.isInteger(value)) return count(Math.round(value));
  return value.toFixed(1);
}

/** Milliseconds on an axis: 250 · 1.5 s. */
export function axisMs(value: number): string {
  return value >= 1_000 ? `${value / 1_000} s` : String(value);
}

/** A share of 1: 42 %. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
