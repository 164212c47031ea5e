/** A job's change as the spool keeps it: JSON, with times as ISO text. */
import type { JobChange } from "../../db/job_changes.ts";

export type SpooledChange = { version: 1; change: Record<string, unknown> };

export function toSpooled(change: JobChange): SpooledChange {
  return { version: 1, change: { ...change } };
}

/** The spool's own lines are checksummed, so their shape is what `toSpooled` made of it. */
export function fromSpooled({ change }: SpooledChange): JobChange {
  const revived = JSON.parse(
    JSON.stringify(change),
    (key, value) => DATES.has(key) && value !== null ? new Date(value) : value,
  );
  return revived as JobChange;
}

const DATES: ReadonlySet<string> = new Set(["at", "notBefore", "humanSeenAt"]);
