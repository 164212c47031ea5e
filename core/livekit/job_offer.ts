/** A job as LiveKit offers and assigns it, and the answers to an offer, in our own words. */
import { Job, JobType as ProtocolJobType } from "@livekit/protocol";

export const JOB_TYPES = ["room", "publisher", "participant"] as const;
export type JobType = typeof JOB_TYPES[number];

export interface OfferedJob {
  /** AJ_… */
  id: string;
  /** AD_…; empty for jobs that `simulateJob` made. */
  dispatchId: string;
  jobType: JobType;
  agentName: string;
  namespace: string;
  deployment: string;
  /** The dispatch's metadata, as text. */
  metadata: string;
  /** The dispatch's attributes; ours carry `greenroom.dispatch`. */
  attributes: Readonly<Record<string, string>>;
  room: { name: string; sid: string; metadata: string };
  /** Who triggered the job; null for room jobs. */
  participant: { identity: string; sid: string; name: string } | null;
}

/** Attribute of our own CreateDispatch calls: the agent that is meant, which an unnamed worker could not know otherwise. */
export const OFFER_AGENT_ATTRIBUTE = "greenroom.agent";

export type AvailabilityAnswer =
  | {
    kind: "accept";
    /** Must not be empty, and must be the one that joins: LiveKit ties the participant to the job by it. */
    participantIdentity: string;
    participantName?: string;
    participantMetadata?: string;
    participantAttributes?: Readonly<Record<string, string>>;
  }
  /** Another worker of the same server node is asked; when there is none, LiveKit drops the job. */
  | { kind: "decline"; reason: string }
  /** Nobody shall run this job: LiveKit records it as a success and asks nobody else. */
  | { kind: "terminate"; reason: string };

export function toProtocolJobType(type: JobType): ProtocolJobType {
  return {
    room: ProtocolJobType.JT_ROOM,
    publisher: ProtocolJobType.JT_PUBLISHER,
    participant: ProtocolJobType.JT_PARTICIPANT,
  }[type];
}

export function fromProtocolJobType(type: ProtocolJobType): JobType {
  switch (type) {
    case ProtocolJobType.JT_PUBLISHER:
      return "publisher";
    case ProtocolJobType.JT_PARTICIPANT:
      return "participant";
    default:
      return "room";
  }
}

export function toOfferedJob(job: Job): OfferedJob {
  const { id, dispatchId, agentName, namespace, deployment, metadata, attributes, room, participant } = job;
  return {
    id,
    dispatchId,
    jobType: fromProtocolJobType(job.type),
    agentName,
    namespace,
    deployment,
    metadata,
    attributes: { ...attributes },
    room: { name: room?.name ?? "", sid: room?.sid ?? "", metadata: room?.metadata ?? "" },
    participant: participant ? { identity: participant.identity, sid: participant.sid, name: participant.name } : null,
  };
}
