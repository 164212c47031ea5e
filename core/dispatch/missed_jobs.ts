/**
 * Which jobs LiveKit has given to nobody, read from its own records of a room: it offers each job once, to workers that are
 * not full at that moment, and forgets it when nobody takes it (livekit.md 5.5). Pure.
 *
 *   a room's record  × room agent                    → one job, once somebody is there
 *                    × participant, publisher agent  → one job for each participant; for each that publishes
 *
 * A job in the record says that some worker, ours or not, took it. Dispatches of ours for a room are followed elsewhere
 * (livekit_placement.ts).
 */
import {
  type AgentDispatch,
  type Job,
  type ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
} from "@livekit/protocol";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import { fromProtocolJobType, OFFER_AGENT_ATTRIBUTE } from "../livekit/job_offer.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import { workerKeyOf } from "../worker/worker_match.ts";

/** What LiveKit has of a room. */
export interface RoomRecords {
  records: readonly AgentDispatch[];
  participants: readonly ParticipantInfo[];
}

export interface MissedJob {
  agent: string;
  record: AgentDispatch;
  /** Whom it is for; null: the room. */
  participant: ParticipantInfo | null;
  /** False: nobody is in the room yet, or any more. */
  isAwaited: boolean;
}

type Wanted = Pick<AgentDescriptor, "name" | "dispatch" | "jobType" | "namespace" | "deployment">;

/** Of agents that LiveKit can't tell apart (unnamed ones of one kind) only the first is missed: it would have asked one. */
export function missedJobs({ records, participants }: RoomRecords, agents: readonly Wanted[]): MissedJob[] {
  return records.flatMap((record) => {
    const keys = new Set<string>();
    return agents.flatMap((agent): MissedJob[] => {
      const key = workerKeyOf(agent as AgentDescriptor);
      const isMeant = record.agentName === key.agentName && record.deployment === key.deployment &&
        (record.attributes[OFFER_AGENT_ATTRIBUTE] ?? agent.name) === agent.name;
      if (!isMeant || keys.has(JSON.stringify(key))) return [];
      keys.add(JSON.stringify(key));
      const given = (record.state?.jobs ?? []).filter((job) => isFor(job, agent));
      return agent.jobType === "room" ? ofRoom(agent, record, given, participants) : wantedBy(agent, participants)
        .filter(({ sid }) => !given.some((job) => job.participant?.sid === sid))
        .map((participant) => ({ agent: agent.name, record, participant, isAwaited: true }));
    });
  });
}

/** Whether it is still worth while: its participant is there (`identity`), or (null) anybody at all. */
export function isAwaited(participants: readonly ParticipantInfo[], identity: string | null): boolean {
  return participants.some((each) => isCaller(each) && (identity === null || each.identity === identity));
}

function ofRoom(
  { name }: Wanted,
  record: AgentDispatch,
  given: readonly Job[],
  participants: readonly ParticipantInfo[],
): MissedJob[] {
  if (given.length > 0 || DISPATCH_ATTRIBUTE in record.attributes) return [];
  return [{ agent: name, record, participant: null, isAwaited: isAwaited(participants, null) }];
}

function wantedBy({ jobType }: Wanted, participants: readonly ParticipantInfo[]): ParticipantInfo[] {
  return participants.filter((each) => isCaller(each) && (jobType === "participant" || each.tracks.length > 0));
}

/** For agents and recorders LiveKit starts no jobs. */
function isCaller({ kind, state }: ParticipantInfo): boolean {
  return kind !== ParticipantInfo_Kind.AGENT && kind !== ParticipantInfo_Kind.EGRESS &&
    state !== ParticipantInfo_State.DISCONNECTED;
}

function isFor({ type, namespace }: Job, agent: Wanted): boolean {
  return fromProtocolJobType(type) === agent.jobType && namespace === agent.namespace;
}
