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
}

export function workerDirectory({ catalog, database, instanceId, own }: WorkerDirectorySources): WorkerDirectory {
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
      return [...own(), ...rows.filter((row) => row.instanceId !== instanceId).map(ofRow)];
    },
  };
}

/** A row does not say whether its agent is dispatched by name; most are. */
function ofRow({ agent, namespace, deployment, jobType, state }: WorkerRow): RegisteredWorker {
  const isTaking = state === "registered";
  return {
    ...{ agent, namespace, deployment, jobType, isTaking },
    agentName: agent,
    refusal: isTaking ? null : "not connected to LiveKit",
  };
}
