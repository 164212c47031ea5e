/** A dispatch's state as a sentence, with a number where there is one. Pure. */
import { duration } from "../format.ts";
import { readyMs } from "./stage_times.ts";
import type { DispatchView } from "./types.ts";

const WAITING: Record<string, string> = {
  agent_not_hosted: "Waits: no running instance hosts the agent",
  not_taken_by_livekit: "Waits for a slot: LiveKit would give it to nobody",
  agent_broken: "Waits: the agent's file does not load",
  agent_loading: "Waits: the agent is being loaded",
  livekit_unreachable: "Waits: the LiveKit server can't be reached",
  agent_stopped: "Waits: the agent was stopped on the instance that hosts it",
  breaker_open: "Waits: the agent crashed too often in a row, and is tried again later",
  retrying: "Waits for its next attempt: the last job failed",
  waiting_for_participant: "Waits: LiveKit starts a job when a participant comes",
  cordoned: "Waits: the instance is cordoned",
  draining: "Waits: the instance is being drained",
  instance_cpu: "Waits: the instance is at its CPU limit",
  instance_memory: "Waits: the instance is at its memory limit",
  instance_processes: "Waits: the instance is at its limit of processes",
  instance_open_files: "Waits: the instance is at its limit of open files",
};

export function headlineOf(dispatch: DispatchView, nowMs = Date.now()): string {
  const ms = readyMs(dispatch.stages);
  const ready = ms === null ? "before it was ready" : `after it was ready in ${duration(ms)}`;
  switch (dispatch.state) {
    case "queued":
      if (dispatch.scheduledAt !== null && Date.parse(dispatch.scheduledAt) > nowMs) {
        return "Scheduled: waits for its time to start";
      }
      if (dispatch.waitingReason !== null) return WAITING[dispatch.waitingReason] ?? `Waits: ${dispatch.waitingReason}`;
      return dispatch.placement === "livekit" ? "Waits for LiveKit to assign it" : "Waits for a free slot";
    case "placed":
      return "Placed, starting";
    case "running":
      return ms !== null ? `Ready after ${duration(ms)}` : dispatch.stages.connectedAt ? "Connected" : "Connecting";
    case "failed":
      return `Failed ${ready}`;
    case "cancelled":
      return `Cancelled ${ready}`;
    case "expired":
      return "Expired: no agent was ready in time";
    case "succeeded":
      return ms === null ? "Ended without saying that it was ready" : `Served; ready after ${duration(ms)}`;
  }
}
