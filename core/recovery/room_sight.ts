/** What recovery sees and does in a room: who is there, and the removal of an agent that was lost. */
import { type ParticipantInfo, ParticipantInfo_Kind } from "@livekit/protocol";
import type { ServerApi } from "../livekit/server_api.ts";
import { ATTEMPT_ATTRIBUTE, DISPATCH_ATTRIBUTE, FOR_ATTRIBUTE } from "../livekit/tokens.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";

export type RoomCalls = Pick<ServerApi, "listParticipants" | "removeParticipant" | "sendData">;

/** As in child/humans.ts: callers, and streams that are fed in; not agents, not recorders. */
export function isHuman({ kind }: Pick<ParticipantInfo, "kind">): boolean {
  return kind !== ParticipantInfo_Kind.AGENT && kind !== ParticipantInfo_Kind.EGRESS;
}

/** Who is in the room; null when LiveKit gives no answer in time. Never rejects. */
export async function lookIntoRoom(
  api: Pick<RoomCalls, "listParticipants">,
  room: string,
  limitMs: number,
): Promise<ParticipantInfo[] | null> {
  const asking = api.listParticipants(room).catch(() => null);
  return await settlesWithin(asking, limitMs) ? await asking : null;
}

/** Agents of the same (dispatch, participant) with an earlier attempt, by what they say of themselves. Pure. */
export function olderAttempts(
  participants: readonly ParticipantInfo[],
  own: { dispatchId: string; participant: string | null; attempt: number; participantIdentity: string },
): ParticipantInfo[] {
  return participants.filter(({ kind, identity, attributes }) =>
    kind === ParticipantInfo_Kind.AGENT && identity !== own.participantIdentity &&
    attributes[DISPATCH_ATTRIBUTE] === own.dispatchId && (attributes[FOR_ATTRIBUTE] ?? null) === own.participant &&
    Number(attributes[ATTEMPT_ATTRIBUTE]) < own.attempt
  );
}
