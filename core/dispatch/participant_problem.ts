/** Whether a request names a participant as its agent's kind and its placement want it. Pure. */
import type { JobType } from "../agent/agent_kinds.ts";
import type { DispatchRequest } from "./dispatch_request.ts";
import type { ParticipantProblem } from "./refusal.ts";

/** Null: nothing is wrong. */
export function participantProblem(
  { placement = "direct", participantIdentity }: DispatchRequest,
  jobType: JobType,
): ParticipantProblem | null {
  if (jobType === "room") return participantIdentity === undefined ? null : "unused";
  if (placement === "livekit") return participantIdentity === undefined ? null : "chosen_by_livekit";
  return participantIdentity === undefined ? "required" : null;
}
