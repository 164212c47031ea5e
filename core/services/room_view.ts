/**
 * What one live room is for its callers. The decision is pure; room_board.ts reads what it needs.
 *
 *   unknown        who is in it could not be read
 *   empty          no people are there
 *   unattended     people are there, and nobody asked for an agent
 *   starting       people are there, and their agent was asked for a moment ago
 *   silent         people are there; our dispatch is live or was lost, and no agent is there
 *   partly_served  people are there, and one agent is missing while another one is there
 *   served         people and every agent that was asked for are there
 */
import type { RoomDispatch, RoomJob } from "../../db/room_reads.ts";

export type RoomState = "unknown" | "empty" | "unattended" | "starting" | "silent" | "partly_served" | "served";
export type ParticipantKind = "standard" | "sip" | "agent" | "ingress" | "egress" | "connector" | "bridge" | "other";

export interface RoomParticipant {
  identity: string;
  name: string;
  kind: ParticipantKind;
  /** Others in the room don't see it. */
  isHidden: boolean;
  /** ISO 8601. */
  joinedAt: string;
}

/** A dispatch that wants its agent in this room now. */
export interface ExpectedAgent {
  dispatchId: string;
  agent: string;
  /** present; starting: asked for a moment ago; waiting: not there yet; lost: its dispatch failed. */
  presence: "present" | "starting" | "waiting" | "lost";
  /** Why it is not there, as far as it is known. */
  reason: string | null;
  /** Since when it has been missing; null: it is there, or that is not known. */
  missingSince: string | null;
}

export interface RoomView {
  name: string;
  /** ISO 8601. */
  openedAt: string;
  state: RoomState;
  /** Since when people have heard nothing; null unless it is silent. */
  silentSince: string | null;
  /** All of them, agents included; as LiveKit counts them when they could not be read. */
  participantCount: number;
  /** The first of them; null: could not be read. */
  participants: RoomParticipant[] | null;
  people: number | null;
  expected: ExpectedAgent[];
}

export interface RoomFacts {
  name: string;
  openedAt: string;
  participantCount: number;
  participants: RoomParticipant[] | null;
  /** Of this room, newest first. */
  dispatches: readonly RoomDispatch[];
  /** Of those dispatches, newest first. */
  jobs: readonly RoomJob[];
}

/** A dispatch is made ready in about a second at worst; until then nobody is told that a room is silent. */
export const STARTING_MS = 3_000;
/** All of them are judged. */
const MAX_PARTICIPANTS_SHOWN = 100;
const MAX_REASON_CHARS = 200;

export function viewRoom({ dispatches, jobs, ...room }: RoomFacts, now: Date): RoomView {
  const { participants } = room;
  const ended = new Set(jobs.filter(({ endedAt }) => endedAt !== null).map((job) => job.participantIdentity));
  // LiveKit shows a killed agent for some seconds more; we know better.
  const agents = (participants ?? []).filter(({ kind, identity }) => kind === "agent" && !ended.has(identity));
  const there = new Set(agents.map(({ identity }) => identity));
  const expected = wantedOf(dispatches, room.openedAt, now).map((dispatch) =>
    presenceOf(dispatch, { jobs, there, now })
  );
  const people = participants?.filter(isPerson) ?? null;
  const missing = expected.filter(({ presence }) => presence !== "present");
  const state = stateOf({ people: people?.length ?? null, agents: agents.length, expected, missing });
  return {
    ...room,
    // LiveKit's own count comes seconds late.
    participantCount: participants?.length ?? room.participantCount,
    participants: participants?.slice(0, MAX_PARTICIPANTS_SHOWN) ?? null,
    state,
    silentSince: state === "silent" ? silentSince(people ?? [], missing) : null,
    people: people?.length ?? null,
    expected,
  };
}

/** Somebody who would hear an agent. */
export function isPerson({ kind, isHidden }: RoomParticipant): boolean {
  return !isHidden && (kind === "standard" || kind === "sip" || kind === "connector");
}

/** Live dispatches whose time has come, and the newest failed one of each agent that was lost while the room was open. */
function wantedOf(dispatches: readonly RoomDispatch[], openedAt: string, now: Date): RoomDispatch[] {
  const newest = new Set<string>();
  return dispatches.filter(({ agent, state, scheduledAt, endedAt }) => {
    const isNewest = !newest.has(agent);
    newest.add(agent);
    if (endedAt === null) return scheduledAt === null || Date.parse(scheduledAt) <= now.getTime();
    return isNewest && (state === "failed" || state === "expired") && Date.parse(endedAt) >= Date.parse(openedAt);
  });
}

function presenceOf(
  dispatch: RoomDispatch,
  { jobs, there, now }: { jobs: readonly RoomJob[]; there: ReadonlySet<string>; now: Date },
): ExpectedAgent {
  const { id: dispatchId, agent, endedAt, readyAt, createdAt, scheduledAt, waitingReason, failureMessage } = dispatch;
  const own = jobs.filter((job) => job.dispatchId === dispatchId);
  if (endedAt !== null) {
    return { dispatchId, agent, presence: "lost", reason: firstLine(failureMessage), missingSince: endedAt };
  }
  if (own.some((job) => job.endedAt === null && there.has(job.participantIdentity))) {
    return { dispatchId, agent, presence: "present", reason: null, missingSince: null };
  }
  const askedAt = scheduledAt ?? createdAt;
  const lostAt = own.find((job) => job.endedAt !== null)?.endedAt ?? null;
  const missingSince = readyAt === null ? askedAt : lostAt;
  const isNew = own.every((job) => job.endedAt === null) && now.getTime() - Date.parse(askedAt) < STARTING_MS;
  const reason = waitingReason ?? (dispatch.state === "queued" ? "no_free_slot" : null);
  return { dispatchId, agent, presence: isNew ? "starting" : "waiting", reason: isNew ? null : reason, missingSince };
}

/** A message may carry a stack. */
function firstLine(message: string | null): string | null {
  return message?.split("\n", 1)[0]?.slice(0, MAX_REASON_CHARS) ?? null;
}

function stateOf(
  { people, agents, expected, missing }: {
    people: number | null;
    agents: number;
    expected: readonly ExpectedAgent[];
    missing: readonly ExpectedAgent[];
  },
): RoomState {
  if (people === null) return "unknown";
  if (people === 0) return "empty";
  if (expected.length === 0) return agents > 0 ? "served" : "unattended";
  if (missing.length === 0) return "served";
  if (agents > 0) return "partly_served";
  return missing.every(({ presence }) => presence === "starting") ? "starting" : "silent";
}

/** From when both a person was there and an agent was missing; null when one of them is not known. */
function silentSince(people: readonly RoomParticipant[], missing: readonly ExpectedAgent[]): string | null {
  const since = missing.flatMap(({ missingSince }) => missingSince === null ? [] : [Date.parse(missingSince)]);
  if (since.length === 0) return null;
  const firstPersonMs = Math.min(...people.map(({ joinedAt }) => Date.parse(joinedAt)));
  return new Date(Math.max(firstPersonMs, Math.min(...since))).toISOString();
}
