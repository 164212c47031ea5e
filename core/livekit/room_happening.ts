/** What begins in rooms, told by LiveKit's webhooks or read from its lists, in one shape. Pure. */
import { type ParticipantInfo, ParticipantInfo_Kind, type Room } from "@livekit/protocol";
import type { WebhookEvent } from "livekit-server-sdk";

/** Kinds that stand for somebody who calls; agents, recorders and bridges are null. */
export type CallerKind = "standard" | "sip" | "ingress" | "connector";

export interface JoinedParticipant {
  sid: string;
  identity: string;
  kind: CallerKind | null;
  attributes: Readonly<Record<string, string>>;
  joinedAt: Date;
}

/** A room began (no participant), or a participant joined one. */
export interface RoomHappening {
  room: { sid: string; name: string; openedAt: Date };
  participant: JoinedParticipant | null;
}

const CALLERS: Partial<Record<ParticipantInfo_Kind, CallerKind>> = {
  [ParticipantInfo_Kind.STANDARD]: "standard",
  [ParticipantInfo_Kind.SIP]: "sip",
  [ParticipantInfo_Kind.INGRESS]: "ingress",
  [ParticipantInfo_Kind.CONNECTOR]: "connector",
};

/** Null for events of other kinds, and for ones that don't say which room. */
export function happeningOfWebhook({ event, room, participant }: WebhookEvent): RoomHappening | null {
  if (!room || room.sid === "" || room.name === "") return null;
  if (event === "room_started") return happeningOfRoom(room);
  if (event !== "participant_joined" || !participant) return null;
  return happeningOfParticipant(room, participant);
}

export function happeningOfRoom({ sid, name, creationTime, creationTimeMs }: Room): RoomHappening {
  return { room: { sid, name, openedAt: dateOf(creationTimeMs, creationTime) }, participant: null };
}

export function happeningOfParticipant(room: Room, participant: ParticipantInfo): RoomHappening {
  const { sid, identity, kind, attributes, joinedAt, joinedAtMs } = participant;
  return {
    ...happeningOfRoom(room),
    participant: {
      ...{ sid, identity, attributes },
      kind: CALLERS[kind] ?? null,
      joinedAt: dateOf(joinedAtMs, joinedAt),
    },
  };
}

/** Older servers tell seconds only. */
function dateOf(ms: bigint, seconds: bigint): Date {
  return new Date(ms > 0n ? Number(ms) : Number(seconds) * 1_000);
}
