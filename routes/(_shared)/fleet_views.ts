/** Agents, workers and instances as REST shows them. */
import { listAgentRows } from "../../db/agents.ts";
import { type InstanceCall, listCallsOfClosedInstances } from "../../db/instance_calls.ts";
import { findInstance, type InstanceRow, listInstances } from "../../db/instances.ts";
import type { Breaker } from "../../core/recovery/crash_breaker.ts";
import type { Parts } from "../../core/services/control_plane.ts";

const MAX_INSTANCES = 200;

/** Agents that this instance hosts, then those that the fleet has seen but this instance does not host. */
export async function agentsView({ catalog, database, admission, pool, recovery }: Parts) {
  const hosted = catalog.list();
  const slots = pool.snapshot();
  const names = new Set(hosted.map((agent) => agent.name));
  const others = (await listAgentRows(database)).filter((row) => !names.has(row.name));
  return [
    ...hosted.map((agent) => ({
      name: agent.name,
      file: agent.file,
      version: agent.version,
      state: agent.state,
      error: agent.error ?? null,
      isHosted: true,
      descriptor: agent.descriptor ?? null,
      running: admission.usedBy(agent.name),
      free: admission.freeFor(agent.name),
      slots: slots.find((lane) => lane.agent === agent.name) ?? null,
      breaker: breakerView(recovery.breakers.of(agent.name)),
    })),
    ...others.map((row) => ({
      name: row.name,
      file: row.file,
      version: null,
      state: "not_hosted" as const,
      error: row.error,
      isHosted: false,
      descriptor: row.descriptor,
      running: null,
      free: 0,
      slots: null,
      breaker: breakerView(recovery.breakers.of(row.name)),
    })),
  ];
}

/** An agent's crash breaker. */
export function breakerView({ state, failures, reason, openedAt, probeAt }: Breaker) {
  return {
    ...{ state, failures, reason },
    openedAt: openedAt?.toISOString() ?? null,
    /** When one job may try. */
    probeAt: probeAt?.toISOString() ?? null,
  };
}

/** This instance's workers, with the state of each connection. */
export function workersView({ workers, instanceId }: Parts) {
  return workers.list().map((worker) => ({
    id: worker.id,
    instanceId,
    agent: worker.agent,
    jobType: worker.jobType,
    server: worker.server,
    namespace: worker.descriptor.namespace,
    deployment: worker.descriptor.deployment,
    dispatch: worker.descriptor.dispatch,
    ...worker.load(),
    /** Why it takes no job now; null when it does. */
    refusal: worker.refusal,
    offers: worker.offers,
    connection: worker.snapshot(),
  }));
}

/** All instances, newest first; what only memory knows is there for the one that answers. */
export async function instancesView(parts: Parts) {
  const [rows, calls] = await Promise.all([
    listInstances(parts.database, MAX_INSTANCES),
    listCallsOfClosedInstances(parts.database, parts.instanceId),
  ]);
  return rows.map((row) => instanceView(parts, row, calls));
}

/** One of them; null when there is none. */
export async function findInstanceView(parts: Parts, id: string) {
  const row = await findInstance(parts.database, id);
  return row && instanceView(parts, row, await listCallsOfClosedInstances(parts.database, parts.instanceId));
}

function instanceView(parts: Parts, { drainDeadlineAt, ...row }: InstanceRow, calls: readonly InstanceCall[]) {
  const { admission, pool, control, livekitHealth } = parts;
  const isThisOne = row.id === parts.instanceId;
  const { cordonedAt, by, drain } = isThisOne
    ? control.status()
    : { cordonedAt: row.cordonedAt, by: null, drain: null };
  const deadlineAt = isThisOne ? drain?.deadlineAt : row.endedAt === null ? drainDeadlineAt : null;
  const left = calls.filter(({ instanceId }) => instanceId === row.id)
    .map(({ jobId, dispatchId, agent, room, since }) => ({ jobId, dispatchId, agent, room, since }));
  return {
    ...row,
    isThisOne,
    cordonedAt,
    /** Who asked for it; null when it is not cordoned, or only its instance knows. */
    cordonedBy: by,
    /** What still runs, the longest first; null when it is not drained. */
    drain: deadlineAt ? { deadlineAt, left } : null,
    slots: isThisOne ? { ...admission.snapshot(), pool: pool.snapshot(), spareProcesses: pool.spareCount } : null,
    livekit: isThisOne ? livekitHealth.snapshot() : null,
  };
}
