/** Agents, workers and instances as REST shows them. */
import { listAgentRows } from "../../db/agents.ts";
import { type InstanceCall, listCallsOfClosedInstances } from "../../db/instance_calls.ts";
import { findInstance, type InstanceRow, listInstances } from "../../db/instances.ts";
import { listLiveWorkers } from "../../db/worker_reads.ts";
import type { Breaker } from "../../core/recovery/crash_breaker.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { type FleetWorker, otherWorkers, ownWorker } from "../../core/services/fleet_workers.ts";

const MAX_INSTANCES = 200;

/** Agents of the fleet: those that this instance hosts first, those that nobody hosts now last. */
export async function agentsView({ catalog, database, pool, recovery, fleet, stops }: Parts) {
  const rows = await listAgentRows(database);
  const slots = pool.snapshot();
  return fleet.agents(rows).map(({ name, instances, free, ...agent }) => {
    const row = rows.find((each) => each.name === name);
    const own = catalog.find(name);
    return {
      name,
      file: own?.file ?? row?.file ?? null,
      version: own?.version ?? instances[0]?.version ?? null,
      ...agent,
      descriptor: own ? own.descriptor ?? null : row?.descriptor ?? null,
      /** Null: unknown. */
      free: instances.length === 0 ? 0 : free,
      /** Of this instance. */
      slots: slots.find((lane) => lane.agent === name) ?? null,
      breaker: breakerView(recovery.breakers.of(name)),
      /** Why it takes no new jobs on this instance; uncordoning the instance undoes it. */
      stopped: stops.find(name),
      instances,
    };
  });
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

/** Workers of the fleet with the state of each connection: this instance's first. Throws what the database throws. */
export async function workersView({ workers, instanceId, fleet, database }: Parts): Promise<FleetWorker[]> {
  const own = workers.list().map((worker) => ownWorker(worker, instanceId, Date.now()));
  const others = fleet.directory.others();
  return others.length === 0 ? own : [...own, ...otherWorkers(await listLiveWorkers(database.reads), others)];
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
  const agents = parts.fleet.agents([]).flatMap(({ instances }) =>
    instances.filter(({ instanceId }) => instanceId === row.id)
  );
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
    /** What it hosts; of another instance as it last said, `ageMs` ago. */
    agents: row.endedAt === null ? agents : [],
  };
}
