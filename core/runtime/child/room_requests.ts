/** ctx.api and ctx.deleteRoom: the control plane makes the calls, because a child holds no API secret. */
import type { ParticipantState, RoomApi } from "../../agent/room_api.ts";
import type { ControlRequests } from "./control_requests.ts";

export function roomApi(requests: Pick<ControlRequests, "call">): RoomApi {
  return {
    listParticipants: async () => await requests.call("room.listParticipants") as ParticipantState[],
    getParticipant: async (identity) =>
      await requests.call("room.getParticipant", { identity }) as ParticipantState | null,
    removeParticipant: async (identity) => await requests.call("room.removeParticipant", { identity }) as boolean,
    updateParticipant: async (identity, changes) =>
      await requests.call("room.updateParticipant", { identity, ...changes }) as ParticipantState,
    muteTrack: async (identity, trackSid, isMuted) =>
      void await requests.call("room.muteTrack", { identity, trackSid, isMuted }),
    updateRoomMetadata: async (metadata) => void await requests.call("room.updateMetadata", { metadata }),
    sendData: async (data, { topic = "", to = [] } = {}) => {
      const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
      await requests.call("room.sendData", { base64: bytes.toBase64(), topic, to: [...to] });
    },
  };
}
