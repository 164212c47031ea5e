/** Frames of the agent worker protocol: binary protobuf, one message per frame (livekit.md 1 and 2). */
import {
  AvailabilityResponse,
  JobStatus,
  RegisterWorkerRequest,
  ServerMessage,
  UpdateJobStatus,
  UpdateWorkerStatus,
  WorkerMessage,
  WorkerPing,
  WorkerStatus,
} from "@livekit/protocol";
import { type AvailabilityAnswer, type JobType, toProtocolJobType } from "./job_offer.ts";
import { type AgentPermissions, toParticipantPermission } from "./permissions.ts";

/** Larger frames are dropped unread (mission.md F8). */
export const FRAME_LIMIT_BYTES = 1_048_576;
/** The server never chooses a worker whose load is at or above its `agents.target_load`, 0.7 unless set (livekit.md 3). */
const MAX_REPORTED_LOAD = 0.69;
const MAX_ERROR_CHARS = 2_000;

export type ServerMessageBody = Exclude<ServerMessage["message"], { case: undefined }>;
export type DropReason = "oversized" | "not_binary" | "undecodable" | "unknown_kind";
export type DecodedFrame = { ok: true; message: ServerMessageBody } | { ok: false; reason: DropReason };

export function decodeFrame(frame: unknown, limitBytes: number = FRAME_LIMIT_BYTES): DecodedFrame {
  if (!(frame instanceof ArrayBuffer)) return { ok: false, reason: "not_binary" };
  if (frame.byteLength > limitBytes) return { ok: false, reason: "oversized" };
  try {
    const { message } = ServerMessage.fromBinary(new Uint8Array(frame));
    return message.case === undefined ? { ok: false, reason: "unknown_kind" } : { ok: true, message };
  } catch {
    return { ok: false, reason: "undecodable" }; // counted and logged by the caller
  }
}

export interface Registration {
  /** Empty for automatic dispatch. */
  agentName: string;
  jobType: JobType;
  namespace?: string;
  /** At most 64 bytes, no "_", no white space. */
  deployment?: string;
  permissions: AgentPermissions;
}

export function registerMessage(
  { agentName, jobType, namespace, deployment, permissions }: Registration,
): WorkerMessage {
  const value = new RegisterWorkerRequest({
    type: toProtocolJobType(jobType),
    agentName,
    version: "greenroom",
    allowedPermissions: toParticipantPermission(permissions),
    ...(namespace !== undefined && { namespace }),
    ...(deployment !== undefined && { deployment }),
  });
  return new WorkerMessage({ message: { case: "register", value } });
}

export function availabilityMessage(jobId: string, answer: AvailabilityAnswer): WorkerMessage {
  const value = new AvailabilityResponse({
    jobId,
    available: answer.kind === "accept",
    terminate: answer.kind === "terminate",
  });
  if (answer.kind === "accept") {
    value.participantIdentity = answer.participantIdentity;
    value.participantName = answer.participantName ?? "";
    value.participantMetadata = answer.participantMetadata ?? "";
    value.participantAttributes = { ...answer.participantAttributes };
  }
  return new WorkerMessage({ message: { case: "availability", value } });
}

export interface WorkerLoad {
  /** "full" takes the worker out of the choice; also while draining. */
  status: "available" | "full";
  /** Used share of the worker's capacity, 0..1. */
  loadRatio: number;
  jobCount: number;
}

/** A used share as the load that we report: in [0, 0.69], so that a worker with room is never excluded. */
export function scaleLoad(loadRatio: number): number {
  return MAX_REPORTED_LOAD * (Number.isNaN(loadRatio) ? 1 : Math.min(Math.max(loadRatio, 0), 1));
}

/** Status and load always go together: the server reads a missing load as 0. */
export function updateWorkerMessage({ status, loadRatio, jobCount }: WorkerLoad): WorkerMessage {
  const value = new UpdateWorkerStatus({
    status: status === "full" ? WorkerStatus.WS_FULL : WorkerStatus.WS_AVAILABLE,
    load: scaleLoad(loadRatio),
    jobCount,
  });
  return new WorkerMessage({ message: { case: "updateWorker", value } });
}

export type ReportedJobStatus = "running" | "succeeded" | "failed";

const JOB_STATUS: Record<ReportedJobStatus, JobStatus> = {
  running: JobStatus.JS_RUNNING,
  succeeded: JobStatus.JS_SUCCESS,
  failed: JobStatus.JS_FAILED,
};

export function updateJobMessage(jobId: string, status: ReportedJobStatus, error: string): WorkerMessage {
  const value = new UpdateJobStatus({ jobId, status: JOB_STATUS[status], error: error.slice(0, MAX_ERROR_CHARS) });
  return new WorkerMessage({ message: { case: "updateJob", value } });
}

export function pingMessage(timestamp: bigint): WorkerMessage {
  return new WorkerMessage({ message: { case: "ping", value: new WorkerPing({ timestamp }) } });
}

/** A message as it may be logged: without the job's token and the room's TURN password. */
export function printableMessage(message: ServerMessageBody | WorkerMessage["message"]): Record<string, unknown> {
  if (message.case === undefined) return { kind: "empty" };
  const body = JSON.stringify(
    message.value.toJson(),
    (name, value) => name === "token" || name === "turnPassword" ? "[removed]" : value,
  );
  return { kind: message.case, body };
}
