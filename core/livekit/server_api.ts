/** LiveKit's server API: rooms, participants, data packets, dispatches. Every call is limited in time; errors are LivekitApiError. */
import {
  CreateRoomRequest,
  DataPacket_Kind,
  ListParticipantsRequest,
  ListParticipantsResponse,
  ParticipantInfo,
  RemoveParticipantResponse,
  Room,
  RoomParticipantIdentity,
  SendDataRequest,
  SendDataResponse,
  UpdateParticipantRequest,
} from "@livekit/protocol";
import { LivekitApiError } from "./api_error.ts";
import { dispatchCalls } from "./dispatch_api.ts";
import { roomAdminCalls } from "./room_admin_calls.ts";
import { adminOf, listRooms, nullWhenNotFound } from "./room_lookup.ts";
import { createTwirpClient, type TwirpClient, type TwirpClientOptions } from "./twirp_client.ts";

export interface SendDataOptions {
  room: string;
  topic: string;
  data: Uint8Array;
  /** Everyone in the room unless given. */
  destinationIdentities?: readonly string[];
}

export interface UpdateParticipantOptions {
  room: string;
  identity: string;
  name?: string;
  metadata?: string;
  attributes?: Readonly<Record<string, string>>;
}

export type ServerHealth = { ok: true; elapsedMs: number } | { ok: false; error: LivekitApiError };

export type ServerApi = ReturnType<typeof createServerApi>;

/** `url` may be ws(s) or http(s); `timeoutMs` limits each try of a call. */
export function createServerApi(options: TwirpClientOptions) {
  const call = createTwirpClient(options);
  return {
    ...healthCalls(call),
    ...roomCalls(call),
    ...roomAdminCalls(call),
    ...participantCalls(call),
    ...dispatchCalls(call),
  };
}

function healthCalls(call: TwirpClient) {
  return {
    /** Whether the server answers and takes our credentials: one ListRooms, tried once. */
    async checkHealth({ timeoutMs }: { timeoutMs?: number } = {}): Promise<ServerHealth> {
      const startedAt = performance.now();
      try {
        await listRooms(call, ["greenroom-health"], {
          isIdempotent: false,
          isProbe: true,
          ...(timeoutMs !== undefined && { timeoutMs }),
        });
        return { ok: true, elapsedMs: performance.now() - startedAt };
      } catch (error) {
        if (error instanceof LivekitApiError) return { ok: false, error };
        throw error;
      }
    },
  };
}

function roomCalls(call: TwirpClient) {
  return {
    /** All live rooms, or those of `names` that are live. */
    listRooms: (names: readonly string[] = []): Promise<Room[]> => listRooms(call, names),

    /** Makes the room, or returns the one that is there. */
    createRoom: (name: string, { metadata = "" }: { metadata?: string } = {}): Promise<Room> =>
      call({
        service: "RoomService",
        method: "CreateRoom",
        request: new CreateRoomRequest({ name, metadata }),
        response: Room,
        grant: { roomCreate: true },
        isIdempotent: true,
      }),

    /** Sends a reliable data packet; also answers success when the addressed agent is dead (livekit.md 7b). */
    async sendData({ room, topic, data, destinationIdentities = [] }: SendDataOptions): Promise<void> {
      const nonce = crypto.getRandomValues(new Uint8Array(16)); // receivers drop a packet that they have seen
      await call({
        service: "RoomService",
        method: "SendData",
        request: new SendDataRequest({
          room,
          topic,
          data: data as Uint8Array<ArrayBuffer>,
          nonce,
          kind: DataPacket_Kind.RELIABLE,
          destinationIdentities: [...destinationIdentities],
        }),
        response: SendDataResponse,
        grant: adminOf(room),
        isIdempotent: false,
      });
    },
  };
}

function participantCalls(call: TwirpClient) {
  const findParticipant = (room: string, identity: string): Promise<ParticipantInfo | null> =>
    nullWhenNotFound(call({
      service: "RoomService",
      method: "GetParticipant",
      request: new RoomParticipantIdentity({ room, identity }),
      response: ParticipantInfo,
      grant: adminOf(room),
      isIdempotent: true,
    }));
  return {
    findParticipant,

    /** Throws LivekitApiError "not_found" when the participant is not in the room. */
    async getParticipant(room: string, identity: string): Promise<ParticipantInfo> {
      const participant = await findParticipant(room, identity);
      if (participant) return participant;
      throw new LivekitApiError("not_found", `There is no participant ${identity} in room ${room}`);
    },

    /** Also the hidden ones; empty when there is no such room. */
    async listParticipants(room: string): Promise<ParticipantInfo[]> {
      const { participants } = await call({
        service: "RoomService",
        method: "ListParticipants",
        request: new ListParticipantsRequest({ room }),
        response: ListParticipantsResponse,
        grant: adminOf(room),
        isIdempotent: true,
      });
      return participants;
    },

    /** False when the participant was not there. Its token stays valid: it can rejoin until that ends. */
    async removeParticipant(room: string, identity: string): Promise<boolean> {
      const removed = await nullWhenNotFound(call({
        service: "RoomService",
        method: "RemoveParticipant",
        request: new RoomParticipantIdentity({ room, identity }),
        response: RemoveParticipantResponse,
        grant: adminOf(room),
        isIdempotent: true,
      }));
      return removed !== null;
    },

    /** Changes only what is given. */
    updateParticipant: (
      { room, identity, name, metadata, attributes }: UpdateParticipantOptions,
    ): Promise<ParticipantInfo> =>
      call({
        service: "RoomService",
        method: "UpdateParticipant",
        request: new UpdateParticipantRequest({
          room,
          identity,
          ...(name !== undefined && { name }),
          ...(metadata !== undefined && { metadata }),
          ...(attributes && { attributes: { ...attributes } }),
        }),
        response: ParticipantInfo,
        grant: adminOf(room),
        isIdempotent: true,
      }),
  };
}
