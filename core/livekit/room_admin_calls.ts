/** The server API's calls that change a room as a whole, or a track in it. */
import {
  DeleteRoomRequest,
  DeleteRoomResponse,
  MuteRoomTrackRequest,
  MuteRoomTrackResponse,
  Room,
  UpdateRoomMetadataRequest,
} from "@livekit/protocol";
import { adminOf, nullWhenNotFound } from "./room_lookup.ts";
import type { TwirpClient } from "./twirp_client.ts";

export interface MuteTrackOptions {
  room: string;
  identity: string;
  trackSid: string;
  isMuted: boolean;
}

export function roomAdminCalls(call: TwirpClient) {
  return {
    /**
     * False when the participant has no such track (the server answers 200 without one). Unmuting is refused unless the
     * server's configuration says room.enable_remote_unmute.
     */
    async muteTrack({ room, identity, trackSid, isMuted }: MuteTrackOptions): Promise<boolean> {
      const { track } = await call({
        service: "RoomService",
        method: "MutePublishedTrack",
        request: new MuteRoomTrackRequest({ room, identity, trackSid, muted: isMuted }),
        response: MuteRoomTrackResponse,
        grant: adminOf(room),
        isIdempotent: true,
      });
      return track !== undefined;
    },

    async updateRoomMetadata(room: string, metadata: string): Promise<void> {
      await call({
        service: "RoomService",
        method: "UpdateRoomMetadata",
        request: new UpdateRoomMetadataRequest({ room, metadata }),
        response: Room,
        grant: adminOf(room),
        isIdempotent: true,
      });
    },

    /** Closes the room and throws everybody out. False when it was not there. */
    async deleteRoom(room: string): Promise<boolean> {
      const deleted = await nullWhenNotFound(call({
        service: "RoomService",
        method: "DeleteRoom",
        request: new DeleteRoomRequest({ room }),
        response: DeleteRoomResponse,
        // Deleting asks for the grant of making rooms (livekit.md 6).
        grant: { roomCreate: true },
        isIdempotent: true,
      }));
      return deleted !== null;
    },
  };
}
