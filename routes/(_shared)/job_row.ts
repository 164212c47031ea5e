/** What the list found, as a row of it. Must say the same as `rowOf` says of a dispatch that is live. */
import type { JobRow } from "../../components/jobs/row.ts";
import type { FoundDispatch } from "../../db/job_search.ts";

export function rowOfFound(found: FoundDispatch): JobRow {
  const { id, state, agent, room, priority, origin, failureCode, failureMessage, endReason, waitingReason } = found;
  const isFailure = failureCode !== null;
  const outcome = isFailure ? failureMessage ?? "" : (endReason ?? waitingReason)?.replaceAll("_", " ") ?? null;
  return {
    id,
    state,
    agent,
    room,
    priority,
    origin,
    attempts: found.jobs,
    stages: {
      requestedAt: new Date(found.createdAtMs).toISOString(),
      assignedAt: isoOf(found.assignedAtMs),
      enteredAt: isoOf(found.enteredAtMs),
      connectedAt: isoOf(found.connectedAtMs),
      readyAt: isoOf(found.readyAtMs),
      endedAt: isoOf(found.endedAtMs),
    },
    enteredAt: isoOf(found.jobEnteredAtMs),
    outcome,
    isFailure,
    instanceId: found.instanceId,
  };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
