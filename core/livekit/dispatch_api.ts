/** The server API's calls about dispatches (livekit.md 5). */
import {
  type AgentDispatch,
  AgentDispatch as AgentDispatchMessage,
  CreateAgentDispatchRequest,
  DeleteAgentDispatchRequest,
  ListAgentDispatchRequest,
  ListAgentDispatchResponse,
} from "@livekit/protocol";
import { LivekitApiError } from "./api_error.ts";
import { adminOf, listRooms, nullWhenNotFound } from "./room_lookup.ts";
import type { TwirpClient } from "./twirp_client.ts";

export interface CreateDispatchOptions {
  agentName: string;
  room: string;
  /** At most 512 KiB. */
  metadata?: string;
  /** At most 64 KiB; they arrive in the offer and in the assignment. */
  attributes?: Readonly<Record<string, string>>;
  deployment?: string;
}

export function dispatchCalls(call: TwirpClient) {
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
