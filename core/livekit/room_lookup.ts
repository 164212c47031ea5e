/** What several parts of the server API need: which rooms are live, the grant for one room, absence as null. */
import { ListRoomsRequest, ListRoomsResponse, type Room } from "@livekit/protocol";
import { LivekitApiError } from "./api_error.ts";
import type { TwirpClient } from "./twirp_client.ts";

export async function listRooms(
  call: TwirpClient,
  names: readonly string[],
  limits: { isIdempotent: boolean; timeoutMs?: number; isProbe?: boolean } = { isIdempotent: true },
): Promise<Room[]> {
  const request = new ListRoomsRequest({ names: [...names] });
  const grant = { roomList: true };
  const { rooms } = await call({
    service: "RoomService",
    method: "ListRooms",
    request,
    response: ListRoomsResponse,
    grant,
    ...limits,
  });
  return rooms;
}

export function adminOf(room: string) {
  return { roomAdmin: true, room };
}

export async function nullWhenNotFound<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LivekitApiError && error.kind === "not_found") return null;
    throw error;
  }
}
