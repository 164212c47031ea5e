/** Views of a dispatch and a job at the moment they come to be, before anything was read back from the database. */
import type { NewDispatch, NewJob } from "../../db/dispatches.ts";
import type { DispatchView, JobView } from "./dispatch_view.ts";

export function newDispatchView(
  dispatch: Omit<NewDispatch, "rankAt" | "livekitDispatchId" | "traceparent">,
  createdAt: Date,
): DispatchView {
  const {
    id,
    agent,
    server,
    room,
    priority,
    placement,
    origin,
    retryOf,
    metadata,
    waitingReason,
    participantIdentity,
    region = null,
    oneAgentPerRoom = null,
    scheduledAt = null,
    deadlineAt = null,
  } = dispatch;
  const requestedAt = createdAt.toISOString();
  const stages = { requestedAt, assignedAt: null, enteredAt: null, connectedAt: null, readyAt: null, endedAt: null };
  return {
    id,
    agent,
    server,
    room,
    state: "queued",
    priority,
    placement,
    origin,
    retryOf,
    participantIdentity,
    region,
    oneAgentPerRoom,
    scheduledAt: scheduledAt?.toISOString() ?? null,
    deadlineAt: deadlineAt?.toISOString() ?? null,
    metadata: metadata ?? null,
    waitingReason,
    createdAt: requestedAt,
    jobs: [],
    stages,
    failure: null,
  };
}

/** A job that was just assigned to this instance. */
export function newJobView(
  dispatch: DispatchView,
  job: Omit<NewJob, "leaseToken">,
  assignedAt: Date,
): JobView {
  const at = assignedAt.toISOString();
  return {
    id: job.id,
    dispatchId: dispatch.id,
    attempt: job.attempt,
    agent: dispatch.agent,
    server: dispatch.server,
    room: dispatch.room,
    participant: job.participant,
    state: "assigned",
    endReason: null,
    isolation: "process",
    instanceId: job.instanceId,
    workerId: job.workerId,
    participantIdentity: job.participantIdentity,
    livekitJobId: job.livekitJobId,
    pid: null,
    stages: { requestedAt: at, assignedAt: at, enteredAt: null, connectedAt: null, readyAt: null, endedAt: null },
    failure: null,
    flags: [],
  };
}
