/** Cordoned and draining instances with the calls that they still have, as the Workers page shows them. */
import type { ClosedInstance } from "../../components/workers/types.ts";
import type { Parts } from "../../core/services/control_plane.ts";
import { KeptReads } from "../../core/services/kept_reads.ts";
import type { Overview } from "../../core/services/overview.ts";
import { listCallsOfClosedInstances, listUsualCallMs } from "../../db/instance_calls.ts";

/** The median of many calls moves slowly. */
const KEEP = { freshMs: 10_000, staleMs: 60_000 };

const usualLengths = new WeakMap<Parts, KeptReads<Map<string, number>>>();

/** `overview` as this instance knows it now: its own row may be a moment old. */
export function withOwnState(parts: Parts, overview: Overview): Overview {
  const { phase, cordonedAt, drain } = parts.control.status();
  const state = { serving: "running", cordoned: "cordoned", draining: "draining", drained: "draining" }[phase];
  const own = {
    state,
    liveJobs: parts.runner.count,
    cordonedAt: cordonedAt?.toISOString() ?? null,
    drainDeadlineAt: drain?.deadlineAt.toISOString() ?? null,
  };
  const instances = overview.instances.map((instance) => instance.isThisOne ? { ...instance, ...own } : instance);
  return { ...overview, instances };
}

/** By instance; reads nothing while all take jobs. Throws what the database throws. */
export async function closedInstances(parts: Parts, { instances }: Overview): Promise<Record<string, ClosedInstance>> {
  const closed = instances.filter(({ cordonedAt }) => cordonedAt !== null);
  if (closed.length === 0) return {};
  const { reads } = parts.database;
  const kept = usualLengths.get(parts) ?? new KeptReads<Map<string, number>>({ maxKeys: 1 });
  usualLengths.set(parts, kept);
  const [calls, usual] = await Promise.all([
    listCallsOfClosedInstances(reads, parts.instanceId),
    kept.read("", () => listUsualCallMs(reads, parts.instanceId), KEEP),
  ]);
  const { by } = parts.control.status();
  return Object.fromEntries(closed.map(({ id, isThisOne, cordonedAt, drainDeadlineAt }) => [id, {
    cordonedAt: cordonedAt ?? "",
    by: isThisOne ? by : null,
    deadlineAt: drainDeadlineAt,
    calls: calls.filter(({ instanceId }) => instanceId === id)
      .map(({ instanceId: _, ...call }) => ({ ...call, usualMs: usual.get(call.agent) ?? null })),
  }]));
}
