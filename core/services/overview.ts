/**
 * What the Overview page shows, as one answer. Read at most once a second however many look (viewers in between get the
 * same answer), in six small statements.
 */
import type { Database } from "../../db/client.ts";
import { listAgentRows } from "../../db/agents.ts";
import { summarizeLosses } from "../../db/losses.ts";
import { COUNT_CAP, countEndedJobs, countQueued, listLiveInstances, readyLatency } from "../../db/overview.ts";
import type { Admission } from "../capacity/admission.ts";
import type { AgentStops } from "../capacity/agent_stops.ts";
import type { FleetParts } from "./build_fleet.ts";
import { headroomOf } from "../capacity/headroom.ts";
import type { ResourceMonitor } from "../capacity/resource_monitor.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { SlotPool } from "../runtime/slot_pool.ts";
import type { BreakerBoard } from "../recovery/breaker_board.ts";
import { uncaughtErrors } from "../lifecycle/uncaught_errors.ts";
import { findProblems } from "../telemetry/problems.ts";
import type { Sampler } from "../telemetry/sampler.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";

export interface OverviewSources {
  instanceId: string;
  database: Database;
  admission: Admission;
  resources: ResourceMonitor;
  pool: SlotPool;
  workers: WorkerFleet;
  livekitHealth: LivekitHealth;
  sampler: Sampler;
  breakers: Pick<BreakerBoard, "list">;
  stops: Pick<AgentStops, "list">;
  fleet: Pick<FleetParts, "agents" | "directory">;
}

const FRESH_MS = 1_000;
const HOUR_MS = 3_600_000;
/** Newest dispatches that the ready percentiles are made of. */
const LATENCY_SAMPLES = 1_000;
/** A sample older than this says nothing about now. */
const SAMPLE_FRESH_MS = 16_000;
const MAX_INSTANCES = 200;
/** The lease of an instance (architecture.md 7): one that was silent for longer takes no calls. */
const LEASE_MS = 8_000;

export type Overview = Awaited<ReturnType<OverviewReader["read"]>>;

export class OverviewReader {
  readonly #sources: OverviewSources;
  #latest: { readAtMs: number; overview: Promise<Awaited<ReturnType<typeof readOverview>>> } | null = null;

  constructor(sources: OverviewSources) {
    this.#sources = sources;
  }

  /** At most a second old. Throws when the database does. */
  read() {
    const nowMs = performance.now();
    if (this.#latest && nowMs - this.#latest.readAtMs < FRESH_MS) return this.#latest.overview;
    const latest = { readAtMs: nowMs, overview: readOverview(this.#sources, new Date()) };
    this.#latest = latest;
    // A failure is told to those who asked for it, and not kept.
    latest.overview.catch(() => this.#latest === latest && (this.#latest = null));
    return latest.overview;
  }
}

async function readOverview(sources: OverviewSources, now: Date) {
  const { database, admission, pool, sampler, livekitHealth } = sources;
  const hourAgo = new Date(now.getTime() - HOUR_MS);
  const startedAtMs = performance.now();
  const { reads } = database;
  const [queue, instances, ended, ready, agentRows, losses] = await Promise.all([
    countQueued(reads),
    listLiveInstances(reads, new Date(now.getTime() - SAMPLE_FRESH_MS), MAX_INSTANCES),
    countEndedJobs(reads, hourAgo),
    readyLatency(reads, hourAgo, LATENCY_SAMPLES),
    listAgentRows(reads),
    summarizeLosses(reads, hourAgo),
  ]);
  const databaseMs = performance.now() - startedAtMs;
  const slots = admission.snapshot();
  const lanes = pool.snapshot();
  const agents = sources.fleet.agents(agentRows);
  const living = instances.filter(({ heartbeatAgeMs }) => heartbeatAgeMs <= LEASE_MS);
  const maxJobs = living.reduce((total, instance) => total + (instance.state === "running" ? instance.maxJobs : 0), 0);
  const liveJobs = instances.reduce((total, instance) => total + instance.liveJobs, 0);
  const depth = queue.reduce((total, row) => total + row.depth, 0);
  const { state, error, remedy, circuit } = livekitHealth.snapshot();
  return {
    at: now.toISOString(),
    instanceId: sources.instanceId,
    headroom: { ...fleetHeadroom(living, sources), maxJobs },
    liveCalls: liveJobs,
    queue: {
      depth,
      isCapped: depth >= COUNT_CAP,
      oldestWaitMs: queue.length === 0 ? null : Math.max(...queue.map(({ oldestWaitMs }) => oldestWaitMs)),
      byAgent: queue,
    },
    lastHour: { ...ended, isCapped: ended.failed >= COUNT_CAP },
    ready: { ...ready, windowMs: HOUR_MS },
    /** Of the last hour. */
    losses,
    instances: instances.map((row) => ({
      ...row,
      isThisOne: row.id === sources.instanceId,
      staleInMs: Math.max(0, LEASE_MS - row.heartbeatAgeMs),
    })),
    agents: agents.map((agent) => ({
      ...agent,
      queued: queue.find((row) => row.agent === agent.name)?.depth ?? 0,
    })),
    slots,
    livekit: { state, error, remedy, circuit },
    sample: sampler.latest,
    problems: findProblems({
      agents,
      workers: sources.workers.list().map((worker) => {
        const { state, since, lastError } = worker.snapshot();
        return { agent: worker.agent, state, sinceMs: now.getTime() - since.getTime(), lastError };
      }),
      livekit: { state, error, remedy, circuit },
      queue,
      slots,
      lanes,
      breakers: sources.breakers.list(),
      stops: sources.stops.list(),
      instances,
      elsewhere: sources.fleet.directory.others(),
      databaseMs: sampler.latest ? sampler.latest.databaseMs : databaseMs,
      uncaught: uncaughtErrors(),
      lastHour: ended,
    }, now.getTime()),
  };
}

/**
 * Calls that can be taken now: of this instance from memory, which is ahead and knows what bounds it; of the others by their
 * slots, from the database.
 */
function fleetHeadroom(
  living: readonly { id: string; state: string; maxJobs: number; liveJobs: number }[],
  { instanceId, admission, resources }: OverviewSources,
) {
  const here = headroomOf({
    freeSlots: admission.freeSlots,
    withinLimits: admission.withinLimits,
    memoryAvailableBytes: resources.latest?.memoryAvailableBytes ?? null,
    memoryPerJobBytes: resources.memoryPerJobBytes,
  });
  const elsewhere = living.filter(({ id, state }) => id !== instanceId && state === "running")
    .reduce((total, { maxJobs, liveJobs }) => total + Math.max(0, maxJobs - liveJobs), 0);
  return { calls: here.calls + elsewhere, boundBy: here.boundBy };
}
