import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { SimulateScenarioKind, TrackKind } from "@livekit/rtc-node";
import type { ParticipantState } from "../../../core/agent/room_api.ts";
import { type CheckedRoom, forgetUnpublished, TrackCheck } from "../../../core/runtime/child/track_check.ts";
import { eventually } from "../../support/eventually.ts";

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

function publications(...sids: string[]) {
  return new Map(sids.map((sid) => [sid, { sid, kind: TrackKind.KIND_AUDIO }]));
}

function shown(identity: string, ...sids: string[]): ParticipantState {
  const tracks = sids.map((
    sid,
  ) => ({ sid, name: "voice", kind: "audio", source: "microphone", isMuted: false } as const));
  const nothing = { name: "", kind: "agent", metadata: "", attributes: {}, joinedAt: "" };
  return { ...nothing, sid: `PA_${identity}`, identity, tracks };
}

/** An agent with one track and a caller with one, and what LiveKit shows of them, look by look; the last one stays. */
function check({ looks }: { looks: (ParticipantState[] | Error)[] }) {
  const emitter = new EventEmitter();
  const missing: string[] = [];
  const scenarios: SimulateScenarioKind[] = [];
  let looked = 0;
  const room = Object.assign(emitter, {
    localParticipant: { trackPublications: publications("TR_own") },
    remoteParticipants: new Map([["ada", { trackPublications: publications("TR_ada") }]]),
    simulateScenario(kind: SimulateScenarioKind) {
      scenarios.push(kind);
      emitter.emit("reconnecting");
      emitter.emit("reconnected");
      return Promise.resolve();
    },
  });
  const checked = new TrackCheck({
    room: room as unknown as CheckedRoom,
    identity: "agent",
    listParticipants() {
      const look = looks[Math.min(looked, looks.length - 1)]!;
      looked++;
      return look instanceof Error ? Promise.reject(look) : Promise.resolve(look);
    },
    log: SILENT,
    onMissing: (detail) => missing.push(detail),
    everyMs: 1,
  });
  return { room, checked, missing, scenarios, looked: () => looked };
}

const WHOLE = [shown("agent", "TR_own"), shown("ada", "TR_ada"), shown("hidden", "TR_hidden")];
const MUTE = [shown("agent"), shown("ada", "TR_ada")];
const DEAF = [shown("agent", "TR_own"), shown("ada", "TR_ada", "TR_new")];

Deno.test("TrackCheck looks after each new connection, and is done when nothing is missing", async () => {
  const { room, missing, scenarios, looked } = check({ looks: [WHOLE] });
  assert.equal(looked(), 0);
  room.emit("reconnected");
  await eventually(() => looked() === 1, { what: "a look" });
  room.emit("reconnecting");
  room.emit("reconnected");
  await eventually(() => looked() === 2, { what: "a look at the next connection" });
  assert.deepEqual([missing, scenarios], [[], []]);
});

for (const [what, look] of [["nobody hears the agent", MUTE], ["the agent does not hear somebody", DEAF]] as const) {
  Deno.test(`TrackCheck has the connection re-made when ${what} on two looks, once when that helps`, async () => {
    const { room, missing, scenarios, looked } = check({ looks: [look, look, WHOLE] });
    room.emit("reconnected");
    await eventually(() => looked() === 3, { what: "the look that finds all" });
    assert.deepEqual([missing, scenarios], [[], [SimulateScenarioKind.SIMULATE_FULL_RECONNECT]]);
  });
}

Deno.test("TrackCheck gives the connection up when new ones don't bring the tracks back", async () => {
  const { room, missing, scenarios } = check({ looks: [MUTE] });
  room.emit("reconnected");
  await eventually(() => missing.length === 1, { what: "the end" });
  assert.match(missing[0]!, /also in 2 more: LiveKit has 0 of the agent's 1 audio tracks/);
  assert.equal(scenarios.length, 2);
});

Deno.test("TrackCheck judges only what is missing twice running, and nothing while LiveKit does not show the agent", async () => {
  const looks = [MUTE, new Error("away"), MUTE, DEAF, [shown("ada", "TR_ada")], WHOLE];
  const { room, missing, scenarios, looked } = check({ looks });
  room.emit("reconnected");
  await eventually(() => looked() === looks.length, { what: "all looks" });
  assert.deepEqual([missing, scenarios], [[], []]);
});

Deno.test("TrackCheck forgets what it asked for an earlier connection, and is silent once closed", async () => {
  const answer = Promise.withResolvers<ParticipantState[]>();
  const { room, checked, scenarios } = check({ looks: [MUTE] });
  const options = { room: room as unknown as CheckedRoom, identity: "agent", log: SILENT, everyMs: 1 };
  let asked = 0;
  new TrackCheck({
    ...options,
    listParticipants: () => {
      asked++;
      return answer.promise;
    },
    onMissing: () => assert.fail("it judged"),
  });
  room.emit("reconnected");
  checked.close();
  await eventually(() => asked === 1, { what: "a question" });
  room.emit("reconnecting");
  answer.resolve(MUTE);
  await answer.promise;
  assert.deepEqual(scenarios, []);
});

Deno.test("A track that is unpublished while the connection is re-made is no longer listed, though that failed", async () => {
  const unpublishTrack = (_sid: string | undefined) => Promise.reject(new Error("no server"));
  const participant = { trackPublications: publications("TR_own", "TR_other"), unpublishTrack };
  forgetUnpublished(participant as unknown as Parameters<typeof forgetUnpublished>[0]);
  await assert.rejects(participant.unpublishTrack("TR_own"), /no server/);
  assert.deepEqual([...participant.trackPublications.keys()], ["TR_other"]);
});
