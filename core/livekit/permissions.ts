/** What an agent's participant may do, and how LiveKit writes it down in its two places. */
import { ParticipantPermission } from "@livekit/protocol";
import type { VideoGrant } from "livekit-server-sdk";

export interface AgentPermissions {
  canPublish: boolean;
  canSubscribe: boolean;
  canPublishData: boolean;
  /** Without it setAttributes resolves and does nothing (livekit.md 7b). */
  canUpdateOwnMetadata: boolean;
  /** Not shown to the others in the room; the server API still lists it. */
  hidden: boolean;
}

/** LiveKit's own when a worker names none, plus what readiness needs. */
export const DEFAULT_AGENT_PERMISSIONS: AgentPermissions = Object.freeze({
  canPublish: true,
  canSubscribe: true,
  canPublishData: true,
  canUpdateOwnMetadata: true,
  hidden: false,
});

/** For `RegisterWorkerRequest.allowedPermissions`. */
export function toParticipantPermission({ canUpdateOwnMetadata, ...rest }: AgentPermissions): ParticipantPermission {
  return new ParticipantPermission({ ...rest, canUpdateMetadata: canUpdateOwnMetadata });
}

/** For a join token. */
export function toJoinGrant(room: string, permissions: AgentPermissions): VideoGrant {
  return { roomJoin: true, room, ...permissions };
}
