/** What a room is for its callers, decided from who is there and what was asked for. */
import assert from "node:assert/strict";
import {
  type RoomFacts,
  type RoomParticipant,
  type RoomState,
  STARTING_MS,
  viewRoom,
} from "../../../core/services/room_view.ts";
import type { RoomDispatch, RoomJob } from "../../../db/room_reads.ts";

const NOW = new Date("2026-01-01T12:00:00.000Z");
const before = (ms: number) => new Date(NOW.getTime() - ms).toISOString();
const PERSON = someone("ada", "standard");
const AGENT = someone("agent-1", "agent");

function someone(
  identity: string,
  kind: RoomParticipant["kind"],
  fields: Partial<RoomParticipant> = {},
): RoomParticipant {
  return { identity, name: "", kind, isHidden: false, joinedAt: before(60_000), ...fields };
}

function dispatch(fields: Partial<RoomDispatch> = {}): RoomDispatch {
  return {
    id: "d1",
    agent: "echo",
    room: "room",
    state: "running",
    waitingReason: null,
    failureMessage: null,
    createdAt: before(30_000),
    scheduledAt: null,
    readyAt: before(29_000),
    endedAt: null,
    ...fields,
  };
}

function job(fields: Partial<RoomJob> = {}): RoomJob {
  return { dispatchId: "d1", participantIdentity: "agent-1", state: "running", endedAt: null, ...fields };
}

const LOST = dispatch({ state: "failed", endedAt: before(10_000), failureMessage: "boom\n    at file.ts" });
const QUEUED = dispatch({ state: "queued", readyAt: null, waitingReason: "no_free_slot" });

function view(facts: Partial<RoomFacts>) {
  const room = {
    name: "room",
    openedAt: before(120_000),
    participantCount: 0,
    participants: [],
    dispatches: [],
    jobs: [],
  };
  return viewRoom({ ...room, ...facts }, NOW);
}

const CASES: [RoomState, string, Partial<RoomFacts>][] = [
  ["unknown", "its participants could not be read", { participants: null, dispatches: [dispatch()], jobs: [job()] }],
  ["empty", "nobody is there", { participants: [] }],
  ["empty", "only an agent is there", { participants: [AGENT], dispatches: [dispatch()], jobs: [job()] }],
  ["empty", "only a hidden person is there", {
    participants: [someone("spy", "standard", { isHidden: true })],
    dispatches: [QUEUED],
  }],
  ["unattended", "nobody asked for an agent", { participants: [PERSON] }],
  ["served", "an agent that is not ours is there", { participants: [PERSON, AGENT] }],
  ["served", "the agent is there", { participants: [PERSON, AGENT], dispatches: [dispatch()], jobs: [job()] }],
  ["starting", "the agent was asked for a moment ago", {
    participants: [PERSON],
    dispatches: [dispatch({ state: "placed", readyAt: null, createdAt: before(STARTING_MS - 1) })],
    jobs: [job()],
  }],
  ["silent", "the dispatch waits", { participants: [PERSON], dispatches: [QUEUED] }],
  ["silent", "a caller by phone is there and the dispatch failed", {
    participants: [someone("sip", "sip")],
    dispatches: [LOST],
  }],
  ["silent", "the job has ended, though LiveKit still shows its agent", {
    participants: [PERSON, AGENT],
    dispatches: [dispatch({ state: "queued" })],
    jobs: [job({ state: "failed", endedAt: before(5_000) })],
  }],
  ["unattended", "the dispatch failed before the room was opened", {
    participants: [PERSON],
    openedAt: before(1_000),
    dispatches: [LOST],
  }],
  ["served", "a later dispatch of the same agent serves what an earlier one lost", {
    participants: [PERSON, AGENT],
    dispatches: [dispatch(), { ...LOST, id: "d0", createdAt: before(40_000) }],
    jobs: [job()],
  }],
  ["unattended", "the dispatch was cancelled", {
    participants: [PERSON],
    dispatches: [dispatch({ state: "cancelled", endedAt: before(1_000) })],
  }],
  ["unattended", "the dispatch is scheduled for later", {
    participants: [PERSON],
    dispatches: [dispatch({ state: "queued", readyAt: null, scheduledAt: before(-60_000) })],
  }],
  ["partly_served", "one of two agents is there", {
    participants: [PERSON, AGENT],
    dispatches: [dispatch(), { ...QUEUED, id: "d2", agent: "notes" }],
    jobs: [job()],
  }],
];

for (const [state, condition, facts] of CASES) {
  Deno.test(`a room is ${state} when ${condition}`, () => assert.equal(view(facts).state, state));
}

Deno.test("dead air counts from when both a person was there and the agent was missing; the reason is one line", () => {
  const lost = view({ participants: [PERSON], dispatches: [LOST] });
  assert.equal(lost.silentSince, LOST.endedAt);
  assert.deepEqual(lost.expected.map(({ presence, reason }) => [presence, reason]), [["lost", "boom"]]);
  const late = view({ participants: [someone("ada", "standard", { joinedAt: before(2_000) })], dispatches: [LOST] });
  assert.equal(late.silentSince, before(2_000));
  const waiting = view({ participants: [PERSON], dispatches: [QUEUED] });
  assert.equal(waiting.silentSince, QUEUED.createdAt);
});
