/** What the dispatch form offers: agents with their schema, and rooms that are there. */
import type { AgentChoice, RoomChoice } from "../../components/dispatch/form_values.ts";
import { plural } from "../../components/format.ts";
import { createServerApi } from "../../core/livekit/server_api.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { listUsualReadyMs } from "../../db/dispatch_statistics.ts";
import { agentsView } from "./fleet_views.ts";

const MAX_ROOMS = 200;
/** A page does not wait longer for the server's rooms. */
const ROOMS_TIMEOUT_MS = 500;

export async function agentChoices(parts: Parts): Promise<AgentChoice[]> {
  const [agents, usual] = await Promise.all([agentsView(parts), listUsualReadyMs(parts.database)]);
  return agents.map(({ name, state, descriptor, free, warm }) => ({
    name,
    state,
    metadataSchema: (descriptor as { metadataSchema?: Record<string, unknown> | null } | null)?.metadataSchema ?? null,
    free,
    warm,
    jobType: (descriptor as { jobType?: AgentChoice["jobType"] } | null)?.jobType ?? "room",
    usualReadyMs: usual.get(name) ?? null,
  }));
}

/** Rooms of the LiveKit server with who is in them; those of our dispatches alone when it does not answer. */
export async function roomChoices({ livekit, live, logger }: Pick<Parts, "livekit" | "live"> & {
  logger: { debug: (message: string, fields: Record<string, unknown>) => void };
}): Promise<RoomChoice[]> {
  const agentsIn = new Map<string, string[]>();
  for (const { view, isEnded } of live.list()) {
    if (!isEnded) agentsIn.set(view.room, [...agentsIn.get(view.room) ?? [], view.agent]);
  }
  const api = createServerApi({ url: livekit.url, ...livekit.credentials(), timeoutMs: ROOMS_TIMEOUT_MS });
  try {
    const rooms = await api.listRooms();
    return rooms.slice(0, MAX_ROOMS).map(({ name, numParticipants }) => {
      const agents = agentsIn.get(name) ?? [];
      const people = Math.max(0, numParticipants - agents.length);
      const who = people === 1 ? "1 person" : `${people} people`;
      return { name, note: `${who}, ${agents.length === 0 ? "no agent yet" : `${agents.join(", ")} is there`}` };
    });
  } catch (error) {
    logger.debug("could not list rooms for the dispatch form", { error });
    return [...agentsIn].slice(0, MAX_ROOMS).map(([name, agents]) => ({
      name,
      note: plural(agents.length, "agent"),
    }));
  }
}
