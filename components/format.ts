/** How numbers, times and ids are written everywhere (design/README "Words"). Pure; the present is an argument. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A number and its unit, apart so that the unit can be set smaller: 94 ms · 3.8 s · 38 s. */
export function splitDuration(ms: number): { figure: string; unit: string } {
  if (ms < SECOND) return { figure: String(Math.max(0, Math.round(ms))), unit: "ms" };
  if (ms < 10 * SECOND) return { figure: (ms / SECOND).toFixed(ms < 2 * SECOND ? 2 : 1), unit: "s" };
  return { figure: String(Math.round(ms / SECOND)), unit: "s" };
}

/** 94 ms · 3.8 s · 38 s · 10 min 33 s · 2 h 5 min · 3 d 4 h. */
export function duration(ms: number): string {
  if (ms < MINUTE) {
    const { figure, unit } = splitDuration(ms);
    return `${figure} ${unit}`;
  }
  const two = (whole: number, wholeUnit: string, part: number, partUnit: string) =>
    part === 0 ? `${whole} ${wholeUnit}` : `${whole} ${wholeUnit} ${part} ${partUnit}`;
  if (ms < HOUR) return two(Math.floor(ms / MINUTE), "min", Math.floor((ms % MINUTE) / SECOND), "s");
  if (ms < DAY) return two(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "min");
  return two(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h");
}

/** In tables: 6:16, 1:02:03. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  const parts = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60];
  const [hours = 0, minutes = 0, rest = 0] = parts;
  const tail = String(rest).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** "2 s ago", "3 min ago", "2 d ago". */
export function ago(at: string | Date, nowMs: number): string {
  const ms = Math.max(0, nowMs - new Date(at).getTime());
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

/** UTC, or the zone of the machine that shows it. */
export type Zone = "utc" | "local";

/** 14:08:20.114. */
export function clock(at: string | Date, zone: Zone = "utc"): string {
  return inZone(new Date(at), zone).slice(11);
}

/** 2026-11-22 14:08:20.114 UTC, for titles. */
export function exactTime(at: string | Date, zone: Zone = "utc"): string {
  const time = new Date(at);
  return `${inZone(time, zone)} ${zoneName(time, zone)}`;
}

/** UTC, or UTC+05:30 at that time. */
export function zoneName(at: Date, zone: Zone): string {
  const minutes = zone === "utc" ? 0 : -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const two = (value: number) => String(value).padStart(2, "0");
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** 2026-11-22 14:08:20.114. */
function inZone(at: Date, zone: Zone): string {
  const offsetMs = zone === "utc" ? 0 : at.getTimezoneOffset() * MINUTE;
  return new Date(at.getTime() - offsetMs).toISOString().slice(0, 23).replace("T", " ");
}

export function shortId(id: string): string {
  return id.slice(-8);
}

/** Made once: `toLocaleString` makes one each time, which takes longer than a row of a table. */
const NUMBERS = new Intl.NumberFormat("en-US");

/** 1,284. */
export function count(value: number): string {
  return NUMBERS.format(value);
}

/** "1 job", "1,284 jobs". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 512 MB, 1.9 GB. */
export function bytes(value: number): string {
  const mb = value / 1_048_576;
  return mb < 1_000 ? `${Math.round(mb)} MB` : `${(mb / 1_024).toFixed(1)} GB`;
}

export function elapsedMs(from: string | null, to: string | null): number | null {
  return from === null || to === null ? null : new Date(to).getTime() - new Date(from).getTime();
}
