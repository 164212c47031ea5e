/** Why a dispatch that LiveKit was to place has failed. Pure. */
import { LivekitApiError } from "../livekit/api_error.ts";

export interface PlacementFailure {
  code: string;
  message: string;
  remedy: string;
}

/** Nobody else is asked: another way into the room would pass over what the agent said. */
export function declinedByAgent(reason: string): PlacementFailure {
  return {
    code: "not_assigned_by_livekit",
    message: `LiveKit offered the job, and it was declined: ${reason}.`,
    remedy: "See the agent's accept hook: what of this dispatch does it not want?",
  };
}

export function callFailure(error: unknown): PlacementFailure {
  if (error instanceof LivekitApiError) {
    return { code: `livekit_${error.kind}`, message: error.message, remedy: error.remedy };
  }
  return {
    code: "livekit_failed",
    message: error instanceof Error ? error.message : String(error),
    remedy: "See the log of this instance; then retry.",
  };
}
