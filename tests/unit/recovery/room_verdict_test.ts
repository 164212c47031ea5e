import assert from "node:assert/strict";
import {
  CALM_MS,
  judgeRoom,
  PROBE_LIMIT_LOCK_FREE_MS,
  PROBE_LIMIT_MS,
  type RoomSight,
} from "../../../core/recovery/room_verdict.ts";

const agent = { identity: "agent-1", isAgent: true };
const human = { identity: "anna", isAgent: false };
const SIGHT: RoomSight = {
  ...{ participants: [agent, human], reachableForMs: CALM_MS, hadHumans: true, identity: "agent-1" },
  ...{ probe: null, isOwnerLockFree: true },
};

function verdictOf(changes: Partial<RoomSight>): string {
  return judgeRoom({ ...SIGHT, ...changes }).verdict;
}

Deno.test("LiveKit that can't be asked gives no verdict", () => {
  assert.deepEqual(judgeRoom({ ...SIGHT, participants: null }), { verdict: "unknown", reason: "livekit_unreachable" });
});

Deno.test("An agent that is there is probed: an answer means that it serves, whatever else is known", () => {
  assert.equal(verdictOf({}), "probe");
  assert.equal(verdictOf({ probe: { sentAgoMs: 1e9, isAnswered: true } }), "serves");
});

Deno.test("No answer means dead after 1 s with the owner's lock free, after 3 s otherwise", () => {
  const silent = (sentAgoMs: number, isOwnerLockFree: boolean) =>
    verdictOf({ probe: { sentAgoMs, isAnswered: false }, isOwnerLockFree });
  assert.equal(silent(PROBE_LIMIT_LOCK_FREE_MS - 1, true), "probe");
  assert.equal(silent(PROBE_LIMIT_LOCK_FREE_MS, true), "dead");
  assert.equal(silent(PROBE_LIMIT_MS - 1, false), "probe");
  assert.equal(silent(PROBE_LIMIT_MS, false), "dead");
});

Deno.test("An agent that is not there is replaced while people are, or when nobody was ever seen", () => {
  assert.equal(verdictOf({ participants: [human] }), "gone");
  assert.equal(verdictOf({ participants: [], hadHumans: false }), "gone");
});

Deno.test("A room that its people left is over, believed only after a calm time", () => {
  assert.equal(verdictOf({ participants: [] }), "over");
  assert.equal(verdictOf({ participants: [{ identity: "agent-2", isAgent: true }] }), "over");
  const early = judgeRoom({ ...SIGHT, participants: [], reachableForMs: CALM_MS - 1 });
  assert.deepEqual(early, { verdict: "unknown", reason: "waiting_for_calm" });
});
