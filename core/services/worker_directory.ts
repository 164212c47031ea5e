/** The fleet's workers as LiveKit knows them: this instance's from memory, the others' from the database. */
import type { Database } from "../../db/client.ts";
import { findAgentRow } from "../../db/agents.ts";
import { listLiveWorkers, type WorkerRow } from "../../db/worker_reads.ts";
import { agentDescriptorSchema } from "../agent/descriptor.ts";
import type { WorkerDirectory } from "../dispatch/livekit_placement.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { type RegisteredWorker, workerKeyOf } from "../worker/worker_match.ts";

export interface WorkerDirectorySources {
  catalog: AgentCatalog;
  database: Database;
  instanceId: string;
  own: () => RegisteredWorker[];
  /** What the other instances last said of the room that they have for an agent; absent: nothing is known. */
  elsewhere?: (agent: string) => readonly Room[];
}

interface Room {
  instanceId: string;
  free: number;
  /** It was not repeated in time. */
  isStale: boolean;
}

export function workerDirectory(
  { catalog, database, instanceId, own, elsewhere = () => [] }: WorkerDirectorySources,
): WorkerDirectory {
  return {
    async wanted(agent) {
      const given = catalog.find(agent)?.descriptor ?? (await findAgentRow(database, agent))?.descriptor;
      const parsed = agentDescriptorSchema.safeParse(given);
      if (!parsed.success) return { agentName: agent, deployment: "" };
      const { agentName, deployment, jobType } = workerKeyOf(parsed.data);
      return { agentName, deployment, jobType };
    },
    async registered() {
      const rows = await listLiveWorkers(database);
      const others = rows.filter((row) => row.instanceId !== instanceId);
      return [...own(), ...others.map((row) => ofRow(row, elsewhere(row.agent)))];
    },
  };
}

/** A row does not say whether its agent is dispatched by name; most are. */
function ofRow(
  { instanceId, agent, namespace, deployment, jobType, state }: WorkerRow,
  rooms: readonly Room[],
): RegisteredWorker {
  const room = rooms.find((each) => each.instanceId === instanceId && !each.isStale);
  const refusal = state !== "registered" ? "not connected to LiveKit" : room?.free === 0 ? "no room there" : null;
  return { ...{ agent, namespace, deployment, jobType, refusal }, agentName: agent, isTaking: refusal === null };
}
