/** LiveKit's server API: rooms, participants, data packets, dispatches. Every call is limited in time; errors are LivekitApiError. */
import {
  type AgentDispatch,
  AgentDispatch as AgentDispatchMessage,
  CreateAgentDispatchRequest,
  CreateRoomRequest,
  DataPacket_Kind,
  DeleteAgentDispatchRequest,
  ListAgentDispatchRequest,
  ListAgentDispatchResponse,
  ListParticipantsRequest,
  ListParticipantsResponse,
  ListRoomsRequest,
  ListRoomsResponse,
  ParticipantInfo,
  RemoveParticipantResponse,
  Room,
  RoomParticipantIdentity,
  SendDataRequest,
  SendDataResponse,
  UpdateParticipantRequest,
} from "@livekit/protocol";
import { LivekitApiError } from "./api_error.ts";
import { createTwirpClient, type TwirpClient, type TwirpClientOptions } from "./twirp_client.ts";

export interface CreateDispatchOptions {
  agentName: string;
  room: string;
  /** At most 512 KiB. */
  metadata?: string;
  /** At most 64 KiB; they arrive in the offer and in the assignment. */
  attributes?: Readonly<Record<string, string>>;
  deployment?: string;
}

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
  return { ...healthCalls(call), ...roomCalls(call), ...participantCalls(call), ...dispatchCalls(call) };
}

function healthCalls(call: TwirpClient) {
  return {
    /** Whether the server answers and takes our credentials: one ListRooms, tried once. */
    async checkHealth({ timeoutMs }: { timeoutMs?: number } = {}): Promise<ServerHealth> {
      const startedAt = performance.now();
      try {
        await listRooms(call, ["greenroom-health"], {
          isIdempotent: false,
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

async function listRooms(
  call: TwirpClient,
  names: readonly string[],
  limits: { isIdempotent: boolean; timeoutMs?: number } = { isIdempotent: true },
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

function dispatchCalls(call: TwirpClient) {
  /** Asking for the dispatches of an absent room would take 3 s and end as 503 (livekit.md 5.3), so rooms are asked first. */
  async function listDispatches(room: string, dispatchId = ""): Promise<AgentDispatch[]> {
    if ((await listRooms(call, [room])).length === 0) return [];
    const { agentDispatches } = await call({
      service: "AgentDispatchService",
      method: "ListDispatch",
      request: new ListAgentDispatchRequest({ room, dispatchId }),
      response: ListAgentDispatchResponse,
      grant: adminOf(room),
      isIdempotent: true,
    });
    return agentDispatches;
  }
  const findDispatch = async (room: string, dispatchId: string): Promise<AgentDispatch | null> =>
    (await listDispatches(room, dispatchId)).find(({ id }) => id === dispatchId) ?? null;
  return {
    /** The room's dispatches; a job in one says that a worker accepted, never that it is alive (livekit.md 5.3). */
    listDispatches,
    findDispatch,

    /** Throws LivekitApiError "not_found" when the room has no such dispatch. */
    async getDispatch(room: string, dispatchId: string): Promise<AgentDispatch> {
      const dispatch = await findDispatch(room, dispatchId);
      if (dispatch) return dispatch;
      throw new LivekitApiError("not_found", `There is no dispatch ${dispatchId} in room ${room}`);
    },

    /** Makes the room when needed. Success says nothing about a job: no worker was asked yet. Each call starts an agent. */
    createDispatch: (
      { agentName, room, metadata = "", attributes = {}, deployment = "" }: CreateDispatchOptions,
    ): Promise<AgentDispatch> =>
      call({
        service: "AgentDispatchService",
        method: "CreateDispatch",
        request: new CreateAgentDispatchRequest({
          agentName,
          room,
          metadata,
          deployment,
          attributes: { ...attributes },
        }),
        response: AgentDispatchMessage,
        grant: adminOf(room),
        isIdempotent: false,
      }),

    /** False when the room or the dispatch was not there. Its agents are told to end, and removed after 3 s. */
    async deleteDispatch(room: string, dispatchId: string): Promise<boolean> {
      if ((await listRooms(call, [room])).length === 0) return false;
      const deleted = await nullWhenNotFound(call({
        service: "AgentDispatchService",
        method: "DeleteDispatch",
        request: new DeleteAgentDispatchRequest({ room, dispatchId }),
        response: AgentDispatchMessage,
        grant: adminOf(room),
        isIdempotent: true,
      }));
      return deleted !== null;
    },
  };
}

function adminOf(room: string) {
  return { roomAdmin: true, room };
}

async function nullWhenNotFound<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LivekitApiError && error.kind === "not_found") return null;
    throw error;
  }
}
