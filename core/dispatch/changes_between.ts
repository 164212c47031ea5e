/** How a dispatch got from one view to a later one, as listeners are told. Pure. */
import type { DispatchChange } from "./dispatch_updates.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";

const STAGES = ["entered", "connected", "ready"] as const;

/**
 * Empty when nothing that is told has changed.
 * @param before null: nothing is known of it yet; then its latest change alone.
 */
export function changesBetween(before: DispatchView | null, after: DispatchView): DispatchChange[] {
  const isNew = (stage: keyof DispatchView["stages"]) =>
    after.stages[stage] !== null && after.stages[stage] !== (before?.stages[stage] ?? null);
  const changes: DispatchChange[] = before === null ? [{ kind: "requested" }] : [];
  if (isNew("assignedAt")) changes.push({ kind: "assigned" });
  for (const stage of STAGES) if (isNew(`${stage}At`)) changes.push({ kind: "stage", stage });
  if (isNew("endedAt")) changes.push({ kind: "ended" });
  if (before === null) return changes.slice(-1);
  if (changes.length > 0) return changes;
  if (after.state === "queued" && before.state !== "queued") return [{ kind: "retrying" }];
  return summaryOf(before) === summaryOf(after) ? [] : [{ kind: "waits" }];
}

/** What else of a dispatch is worth telling. */
function summaryOf({ state, waitingReason, jobs }: DispatchView): string {
  const ofJob = ({ id, state, flags }: JobView) => [id, state, flags];
  return JSON.stringify([state, waitingReason, jobs.map(ofJob)]);
}
