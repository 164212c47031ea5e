/** All metrics of this instance, in the order of `/metrics`. Names with `livekit_agent_` are those of mission.md G3. */
import type { Admission } from "../capacity/admission.ts";
import { uncaughtErrors } from "../lifecycle/uncaught_errors.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { BreakerBoard } from "../recovery/breaker_board.ts";
import type { SlotPool } from "../runtime/slot_pool.ts";
import type { JobMetrics } from "../telemetry/job_metrics.ts";
import { Gauge, type Metric } from "../telemetry/metrics.ts";
import type { Hub } from "../updates/hub.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";

export interface MetricSources {
  jobMetrics: JobMetrics;
  admission: Admission;
  pool: SlotPool;
  workers: WorkerFleet;
  livekitHealth: LivekitHealth;
  hub: Hub;
  lossMetrics: readonly Metric[];
  breakers: Pick<BreakerBoard, "list">;
  /** Per agent, as the last sample saw it. */
  queueDepth: () => { agent: string; depth: number }[];
  spansDropped: () => number;
}

const OPENNESS = { closed: 0, half_open: 0.5, open: 1 } as const;

export function instanceMetrics(sources: MetricSources): Metric[] {
  const { jobMetrics, admission, pool, workers, livekitHealth, hub } = sources;
  const one = (value: number) => [{ labels: {}, value }];
  const gauge = (name: string, help: string, values: Gauge["values"]) => new Gauge(name, help, values);
  return [
    ...jobMetrics.metrics,
    ...sources.lossMetrics,
    gauge(
      "greenroom_breaker_open",
      "1 while the crash breaker of an agent is open, 0.5 while it is half open.",
      () => sources.breakers.list().map(({ agent, state }) => ({ labels: { agent }, value: OPENNESS[state] })),
    ),
    gauge("livekit_agent_active_jobs", "Slots in use.", () => {
      const agents = new Set([
        ...workers.list().map(({ agent }) => agent),
        ...Object.keys(admission.snapshot().byAgent),
      ]);
      return [...agents].map((agent) => ({ labels: { agent }, value: admission.usedBy(agent) }));
    }),
    gauge(
      "livekit_agent_worker_load",
      "Load of each worker, 0 to 1, before it is scaled for LiveKit.",
      () => workers.list().map((worker) => ({ labels: { agent: worker.agent }, value: worker.load().loadRatio })),
    ),
    new Gauge(
      "greenroom_offers_total",
      "Jobs that LiveKit offered, by what became of the offer.",
      () =>
        workers.list().flatMap(({ agent, offers }) =>
          (["accepted", "declined", "lapsed"] as const).map((outcome) => ({
            labels: { agent, outcome },
            value: offers[outcome],
          }))
        ),
      "counter",
    ),
    gauge(
      "greenroom_resource_limit_reached",
      "1 while a resource limit keeps new jobs away.",
      () =>
        admission.snapshot().limits.map(({ resource, isReached }) => ({
          labels: { resource },
          value: isReached ? 1 : 0,
        })),
    ),
    gauge("greenroom_max_jobs", "Jobs that this instance may run at once.", () => one(admission.snapshot().maxJobs)),
    gauge(
      "greenroom_warm_slots",
      "Slots that wait for a job, loaded.",
      () => pool.snapshot().map(({ agent, warm }) => ({ labels: { agent }, value: warm })),
    ),
    gauge(
      "greenroom_queue_depth",
      "Dispatches of the fleet that wait, as last seen (every 5 s).",
      () => sources.queueDepth().map(({ agent, depth }) => ({ labels: { agent }, value: depth })),
    ),
    gauge(
      "greenroom_livekit_reachable",
      "1 unless LiveKit's server can't be reached.",
      () => one(livekitHealth.isReachable ? 1 : 0),
    ),
    gauge(
      "greenroom_livekit_circuit_open",
      "1 while calls to LiveKit's server API are held back, 0.5 while one tries.",
      () => one(OPENNESS[livekitHealth.snapshot().circuit]),
    ),
    gauge("greenroom_sse_clients", "Open streams of live updates.", () => one(hub.clientCount)),
    new Gauge(
      "greenroom_sse_slow_clients_total",
      "Streams dropped because nobody read them.",
      () => one(hub.slowClients),
      "counter",
    ),
    new Gauge("greenroom_updates_total", "Live updates published.", () => one(hub.sequence), "counter"),
    new Gauge(
      "greenroom_spans_dropped_total",
      "Spans that were not stored.",
      () => one(sources.spansDropped()),
      "counter",
    ),
    new Gauge(
      "greenroom_uncaught_errors_total",
      "Errors of Greenroom's own that nothing caught; the log has them.",
      () => one(uncaughtErrors().count),
      "counter",
    ),
  ];
}
