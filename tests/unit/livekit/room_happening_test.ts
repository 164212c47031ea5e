import assert from "node:assert/strict";
import { ParticipantInfo, ParticipantInfo_Kind, Room } from "@livekit/protocol";
import { WebhookEvent } from "livekit-server-sdk";
import { happeningOfWebhook } from "../../../core/livekit/room_happening.ts";

const room = new Room({
  sid: "RM_1",
  name: "support-1",
  creationTime: 1_700_000_000n,
  creationTimeMs: 1_700_000_000_123n,
});
/** Its constructor forgets the event's name; what is parsed has it. */
const event = (fields: Partial<WebhookEvent>): WebhookEvent => Object.assign(new WebhookEvent(), fields);
const joined = (kind: ParticipantInfo_Kind) => {
  const participant = new ParticipantInfo({
    ...{ sid: "PA_1", identity: "ann", kind, attributes: { tier: "gold" }, joinedAt: 1_700_000_001n },
  });
  return happeningOfWebhook(event({ event: "participant_joined", room, participant }));
};

Deno.test("A webhook tells of a room's start and of who joined, with exact times where the server gives them", () => {
  assert.deepEqual(happeningOfWebhook(event({ event: "room_started", room })), {
    room: { sid: "RM_1", name: "support-1", openedAt: new Date(1_700_000_000_123) },
    participant: null,
  });
  const { sid, identity, kind, attributes, joinedAt } = joined(ParticipantInfo_Kind.SIP)?.participant ?? {};
  assert.deepEqual([sid, identity, kind, { ...attributes }], ["PA_1", "ann", "sip", { tier: "gold" }]);
  assert.deepEqual(joinedAt, new Date(1_700_000_001_000));
});

Deno.test("Agents, recorders and bridges are nobody that a rule may be for", () => {
  const { AGENT, EGRESS, BRIDGE } = ParticipantInfo_Kind;
  for (const kind of [AGENT, EGRESS, BRIDGE]) assert.equal(joined(kind)?.participant?.kind, null);
});

Deno.test("Webhooks of other events, or without a room, tell nothing", () => {
  assert.equal(happeningOfWebhook(event({ event: "track_published", room })), null);
  assert.equal(happeningOfWebhook(event({ event: "room_started" })), null);
});
