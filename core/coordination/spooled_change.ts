/** A job's change as the spool keeps it: JSON, with times as ISO text. */
import type { CheckpointChange } from "../../db/checkpoints.ts";
import type { JobChange } from "../../db/job_changes.ts";
import type { JobPlacing } from "../../db/outage_placements.ts";

/** What waits for the database: that a job was placed, what happened to it, and what it saved. */
export type LifecycleChange = JobChange | JobPlacing | CheckpointChange;

/** These are statements of their own; all others are written many at once. */
export function isSingle(change: LifecycleChange): change is JobPlacing | CheckpointChange {
  return change.kind === "placed" || change.kind === "checkpoint";
}

export type SpooledChange = { version: 1; change: Record<string, unknown> };

/** Metadata is the users': as a text, so that nothing in it is taken for a time of ours. */
export function toSpooled(change: LifecycleChange): SpooledChange {
  if (change.kind !== "placed") return { version: 1, change: { ...change } };
  const { metadata, ...dispatch } = change.dispatch;
  return { version: 1, change: { ...change, dispatch, metadata: JSON.stringify(metadata ?? null) } };
}

/** The spool's own lines are checksummed, so their shape is what `toSpooled` made of it. */
export function fromSpooled({ change }: SpooledChange): LifecycleChange {
  const revived = JSON.parse(
    JSON.stringify(change),
    (key, value) => DATES.has(key) && value !== null ? new Date(value) : value,
  );
  if (revived.kind !== "placed") return revived as JobChange;
  const { metadata, dispatch, ...placing } = revived;
  return { ...placing, dispatch: { ...dispatch, metadata: JSON.parse(metadata) } } as JobPlacing;
}

const DATES: ReadonlySet<string> = new Set(["at", "notBefore", "humanSeenAt", "rankAt", "scheduledAt", "deadlineAt"]);
