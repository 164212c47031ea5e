/** Who counts as a human in a room: callers, and streams that are fed in; not agents, not recorders. */
import { ParticipantKind, type RemoteParticipant } from "@livekit/rtc-node";

export function isHuman({ kind }: Pick<RemoteParticipant, "kind">): boolean {
  return kind !== ParticipantKind.AGENT && kind !== ParticipantKind.EGRESS;
}
