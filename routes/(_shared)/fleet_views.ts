/** Agents, workers and instances as REST shows them. */
import { listAgentRows } from "../../db/agents.ts";
import { listInstances } from "../../db/instances.ts";
import type { Parts } from "../../core/services/control_plane.ts";

const MAX_INSTANCES = 200;

/** Agents that this instance hosts, then those that the fleet has seen but this instance does not host. */
export async function agentsView({ catalog, database, admission, pool }: Parts) {
  const hosted = catalog.list();
  const slots = pool.snapshot();
  const names = new Set(hosted.map((agent) => agent.name));
  const others = (await listAgentRows(database)).filter((row) => !names.has(row.name));
  return [
    ...hosted.map((agent) => ({
      name: agent.name,
      file: agent.file,
      state: agent.state,
      error: agent.error ?? null,
      isHosted: true,
      descriptor: agent.descriptor ?? null,
      running: admission.usedBy(agent.name),
      free: admission.freeFor(agent.name),
      slots: slots.find((lane) => lane.agent === agent.name) ?? null,
    })),
    ...others.map((row) => ({
      name: row.name,
      file: row.file,
      state: "not_hosted" as const,
      error: row.error,
      isHosted: false,
      descriptor: row.descriptor,
      running: null,
      free: 0,
      slots: null,
    })),
  ];
}

/** This instance's workers, with the state of each connection. */
export function workersView({ workers, instanceId }: Parts) {
  return workers.list().map((worker) => ({
    id: worker.id,
    instanceId,
    agent: worker.agent,
    jobType: worker.jobType,
    server: worker.server,
    connection: worker.snapshot(),
  }));
}

/** All instances, newest first; what only memory knows is there for the one that answers. */
export async function instancesView({ database, instanceId, admission, pool, livekitHealth }: Parts) {
  const rows = await listInstances(database, MAX_INSTANCES);
  return rows.map((row) => ({
    ...row,
    isThisOne: row.id === instanceId,
    slots: row.id === instanceId
      ? { ...admission.snapshot(), pool: pool.snapshot(), spareProcesses: pool.spareCount }
      : null,
    livekit: row.id === instanceId ? livekitHealth.snapshot() : null,
  }));
}
