/**
 * The parts of the control plane, each built once, in dependency order, and wired together. Nothing here runs yet:
 * control_plane.ts starts and stops them.
 */
import type { Database } from "../../db/client.ts";
import { setInstanceIntake } from "../../db/instances.ts";
import { Admission } from "../capacity/admission.ts";
import { LoadMeter } from "../capacity/load_meter.ts";
import { ResourceLimiter } from "../capacity/resource_limiter.ts";
import { ResourceMonitor } from "../capacity/resource_monitor.ts";
import type { LoadedConfig } from "../config/config.ts";
import { type EffectiveSetting, effectiveSettings } from "../config/effective_settings.ts";
import type { Config } from "../config/settings.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { DecisionRecorder } from "../dispatch/decision_recorder.ts";
import { DispatchLimits } from "../dispatch/dispatch_limits.ts";
import { ExpirySweep } from "../dispatch/expiry_sweep.ts";
import { JobStarter } from "../dispatch/job_starter.ts";
import { jobTracing, tracedDispatch } from "../dispatch/dispatch_trace.ts";
import { countDispatchChange } from "../dispatch/dispatch_telemetry.ts";
import { publishDispatchChange, publishJobLog, publishJobProgress } from "../dispatch/dispatch_updates.ts";
import { LiveDispatches } from "../dispatch/live_dispatches.ts";
import { LivekitIntake } from "../dispatch/livekit_intake.ts";
import { LivekitPlacement } from "../dispatch/livekit_placement.ts";
import { TerminationCheck } from "../dispatch/termination_check.ts";
import { QueueClaimer } from "../dispatch/queue_claimer.ts";
import { RuleBook } from "../dispatch/rules/rule_book.ts";
import { RuleRunner } from "../dispatch/rules/rule_runner.ts";
import { StandingDispatches } from "../dispatch/standing_dispatches.ts";
import { LiveFollower } from "../dispatch/live_follower.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { LivekitHealth } from "../livekit/livekit_health.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { createServerApi } from "../livekit/server_api.ts";
import { AgentCatalog } from "../runtime/agent_catalog.ts";
import { JobRunner } from "../runtime/job_runner.ts";
import { JobServices } from "../runtime/job_services.ts";
import { LogWriter } from "../runtime/log_writer.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import { SlotPool } from "../runtime/slot_pool.ts";
import type { ChildEnvironment } from "../runtime/spawn_child.ts";
import { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { InstancePresence } from "../coordination/instance_presence.ts";
import { Leadership } from "../coordination/leadership.ts";
import { FleetUpdates } from "../updates/fleet_updates.ts";
import { Hub } from "../updates/hub.ts";
import { JobLogStreams } from "../updates/job_log_stream.ts";
import { WorkerFleet } from "../worker/worker_fleet.ts";
import { DispatchTracer } from "../telemetry/dispatch_tracer.ts";
import { SpanWriter } from "../telemetry/span_writer.ts";
import { JobMetrics } from "../telemetry/job_metrics.ts";
import type { Metric } from "../telemetry/metrics.ts";
import { Sampler } from "../telemetry/sampler.ts";
import { askLoad, jobsPerProcessOf } from "./agent_facts.ts";
import { buildRecovery, type RecoveryParts } from "./build_recovery.ts";
import { fleetSnapshot } from "./fleet_snapshot.ts";
import { InstanceControl } from "./instance_control.ts";
import { instanceMetrics } from "./instance_metrics.ts";
import { OverviewReader } from "./overview.ts";
import { Profiling } from "./profiling.ts";
import { CheckRunner } from "./check_runner.ts";
import { madeSettings } from "./made_settings.ts";
import { NavigationCounter } from "./navigation_counts.ts";
import { RoomWatch } from "./room_board.ts";
import { StorageReader } from "./storage_report.ts";
import { workerDirectory } from "./worker_directory.ts";

export interface Parts {
  config: Config;
  instanceId: string;
  database: Database;
  livekit: LivekitServer;
  livekitHealth: LivekitHealth;
  catalog: AgentCatalog;
  admission: Admission;
  /** Cordon, drain, stop. */
  control: InstanceControl;
  limiter: ResourceLimiter;
  resources: ResourceMonitor;
  pool: SlotPool;
  runner: JobRunner;
  logs: LogWriter;
  logStreams: JobLogStreams;
  profiling: Profiling;
  live: LiveDispatches;
  dispatcher: Dispatcher;
  claimer: QueueClaimer;
  placement: LivekitPlacement;
  workers: WorkerFleet;
  hub: Hub;
  fleetUpdates: FleetUpdates;
  sampler: Sampler;
  tracer: DispatchTracer;
  spanWriter: SpanWriter;
  overview: OverviewReader;
  rooms: RoomWatch;
  counts: NavigationCounter;
  checks: CheckRunner;
  storage: StorageReader;
  /** Every setting's value and where it comes from. */
  settings: readonly EffectiveSetting[];
  /** This instance's own. */
  metrics: readonly Metric[];
  jobServices: JobServices;
  standing: StandingDispatches;
  expiry: ExpirySweep;
  decisions: DecisionRecorder;
  ruleBook: RuleBook;
  ruleRunner: RuleRunner;
  /** Which instance polls rooms for rules. */
  ruleLeader: Leadership;
  recovery: RecoveryParts;
  follower: LiveFollower;
}

/** What is there before the parts are. */
export interface PartsSources {
  loaded: LoadedConfig;
  dataDir: DataDir;
  /** Folder of deno.json. */
  projectDir: string;
  readEnv: ReadEnv;
  instanceId: string;
  database: Database;
  livekit: LivekitServer;
  catalog: AgentCatalog;
  environment: ChildEnvironment;
  writer: LifecycleWriter;
  presence: InstancePresence;
  logger: Logger;
}

const BYTES_PER_MB = 1_048_576;

export function buildParts(sources: PartsSources): Parts {
  const {
    loaded,
    dataDir,
    projectDir,
    readEnv,
    instanceId,
    database,
    livekit,
    catalog,
    environment,
    writer,
    presence,
    logger,
  } = sources;
  const { config } = loaded;
  const actor = `instance:${instanceId}`;
  const api = createServerApi({
    url: livekit.url,
    ...livekit.credentials(),
    timeoutMs: config.livekitRequestTimeoutMs,
  });
  const livekitHealth = new LivekitHealth({
    checkHealth: api.checkHealth,
    intervalMs: config.livekitHealthIntervalMs,
    logger,
  });
  const limiter = new ResourceLimiter({
    cpuPercent: config.maxCpuPercent,
    memoryBytes: config.maxMemoryMb === null ? null : config.maxMemoryMb * BYTES_PER_MB,
    processes: config.maxProcesses,
    openFiles: config.maxOpenFiles,
  });
  const gate = {
    mayStart: (agent: string) => recovery.breakers.mayStart(agent),
    started: (agent: string) => recovery.breakers.started(agent),
  };
  const admission = new Admission(
    config.maxConcurrentJobs,
    (agent) => catalog.find(agent)?.descriptor?.maxJobs ?? Infinity,
    { limiter, gate, needOfJob: (agent) => resources.needOfJob(jobsPerProcessOf(catalog, agent)) },
  );
  const loadMeter = new LoadMeter({
    calculator: config.loadCalculator,
    admission,
    agents: () => catalog.list().map(({ name }) => name),
    ask: (agent, sample) => askLoad(catalog, agent, sample),
    logger,
  });
  const availableMemoryBytes = () => resources.latest?.memoryAvailableBytes ?? null;
  const pool = new SlotPool({ settings: config, environment, logger, availableMemoryBytes });
  const childPids = () => [...pool.pids(), ...catalog.pids()];
  const resources: ResourceMonitor = new ResourceMonitor({ limiter, loadMeter, childPids, logger });
  const hub = new Hub({ instanceId, maxClients: config.maxSseClients, logger });
  const jobMetrics = new JobMetrics();
  const spanWriter = new SpanWriter({ database, instanceId, logger });
  const tracer = new DispatchTracer([spanWriter]);
  const jobTypeOf = (agent: string) => catalog.find(agent)?.descriptor?.jobType ?? "room";
  const recovery: RecoveryParts = buildRecovery({
    ...{ config, database, instanceId, catalog, api, livekitHealth, logger },
    previousInstanceId: dataDir.previousInstanceId,
    server: livekit.name,
    runner: () => runner,
    connectedForMs: () => presence.connectedForMs,
    isSpooling: () => writer.isAway,
    onRetry: (notBefore) => claimer.wakeAt(notBefore),
  });
  const decisions = new DecisionRecorder({
    ...{ database, instanceId, logger },
    running: () => admission.snapshot().used,
  });
  const live = new LiveDispatches({
    onChange: (view, change) => {
      try {
        publishDispatchChange(hub, view, change);
        // What happens elsewhere is counted there.
        if ((view.jobs.at(-1)?.instanceId ?? instanceId) !== instanceId) return;
        countDispatchChange(jobMetrics, view, change);
        if (change.kind === "assigned") decisions.placed(view);
        recovery.dispatchChanged(view, change);
        if (change.kind === "ended") tracer.dispatchEnded(tracedDispatch(view, jobTypeOf, Date.now()));
      } catch (error) {
        // Telling of a change must not stop it.
        logger.error("a change of a dispatch could not be told", { dispatch: view.id, change: change.kind, error });
      }
    },
  });
  const logs = new LogWriter({ database, maxLinesPerJob: config.maxLogLinesPerJob, logger });
  const runner = new JobRunner({
    ...{ database, writer, actor, logger, pool },
    limits: config,
    decideNext: (plan, end, at) => recovery.jobs.decideNext(plan, end, at),
  });
  const logStreams = new JobLogStreams({
    ...{ database, instanceId, logs, runner, logger },
    maxClients: config.maxSseClients,
  });
  const control = new InstanceControl({
    ...{ admission, runner, logger },
    record: async ({ state, ...intake }) => {
      await presence.setState(state);
      await setInstanceIntake(database, instanceId, intake);
    },
    onChange: () => fleetUpdates.touch(),
    onOpened: () => claimer.wake(),
  });
  const standing = new StandingDispatches({ ...{ database, api, live, actor, logger }, server: livekit.name });
  const jobServices = new JobServices({
    ...{ database, api, logger, maxCheckpointBytes: config.maxCheckpointBytes },
    onProgress: (jobId, dispatchId, value) => publishJobProgress(hub, jobId, dispatchId, value),
  });
  const placement = new LivekitPlacement({
    ...{ database, api, live, actor, logger },
    workers: workerDirectory({ catalog, database, instanceId, own: () => workers.registered() }),
  });
  const wakeQueue = () => claimer.wake();
  const starter = new JobStarter({
    catalog,
    runner,
    logs,
    live,
    livekit,
    shutdownGraceMs: config.shutdownGraceMs,
    aloneTimeoutMs: config.aloneTimeoutMs,
    onLog: (job, line) => publishJobLog(hub, job, line),
    tracing: jobTracing(tracer, spanWriter, instanceId),
    attend: (job) => jobServices.attend(job),
    onStandingJobGone: () => standing.wake(),
    onRetry: (notBefore) => claimer.wakeAt(notBefore),
    onJoined: (plan) => void recovery.jobs.joined(plan),
    onSlotFreed: wakeQueue,
  });
  const claimer = new QueueClaimer({
    database,
    instanceId,
    catalog,
    admission,
    health: livekitHealth,
    starter,
    live,
    pollMs: config.claimPollMs,
    logger,
  });
  const isRunning = (jobId: string) => runner.find(jobId) !== null;
  const follower = new LiveFollower({ database, live, instanceId, isRunning, logger });
  const server = livekit.name;
  const { maxMetadataBytes, queueCapacity, maxWaiters } = config;
  const dispatcher = new Dispatcher({
    ...{
      database,
      instanceId,
      server,
      catalog,
      admission,
      runner,
      starter,
      live,
      placement,
      standing,
      wakeQueue,
      logger,
    },
    ...{ maxMetadataBytes, queueCapacity, maxWaiters },
    health: livekitHealth,
    wakeQueueAt: (at) => claimer.wakeAt(at),
    limits: new DispatchLimits({
      global: { burst: config.rateGlobalBurst, perSecond: config.rateGlobalPerSecond },
      room: { burst: config.rateRoomBurst, perSecond: config.rateRoomPerSecond },
      key: { burst: config.rateKeyBurst, perSecond: config.rateKeyPerSecond },
    }),
  });
  const expiry = new ExpirySweep({ ...{ database, instanceId, live, runner, placement, standing, logger } });
  const ruleBook = new RuleBook({ database, catalog, maxMetadataBytes });
  const ruleLeader = new Leadership({ ...{ database, instanceId, logger }, work: "rules" });
  const ruleRunner = new RuleRunner({
    ...{ database, catalog, dispatcher, api, server, logger },
    ...{ book: ruleBook, leader: ruleLeader, pollMs: config.rulesPollMs },
  });
  const intake = new LivekitIntake({
    database,
    instanceId,
    server,
    catalog,
    runner,
    starter,
    live,
    placement,
    maxMetadataBytes,
    terminations: new TerminationCheck({ api, logger }),
    logger,
  });
  const workers: WorkerFleet = new WorkerFleet({
    ...{ catalog, database, instanceId, server: livekit, admission, intake, logger },
    loadRatioOf: (agent) => loadMeter.loadRatioOf(agent, performance.now()),
    timings: {
      handshakeTimeoutMs: config.livekitHandshakeTimeoutMs,
      pingIntervalMs: config.livekitPingIntervalMs,
      reconnectFirstMs: config.livekitReconnectFirstMs,
      reconnectMaxMs: config.livekitReconnectMaxMs,
    },
    isDebug: config.livekitWsDebug,
    onTrouble: () => livekitHealth.suspect(),
  });
  const watched = { instanceId, admission, control, pool, workers, livekitHealth };
  const fleetUpdates: FleetUpdates = new FleetUpdates({ hub, snapshot: () => fleetSnapshot(watched), logger });
  const sampler = new Sampler({
    ...{ database, instanceId, jobMetrics, logger },
    slots: () => admission.snapshot(),
    childPids,
    onSample: (sample) => hub.publish("load", "load", sample),
  });
  const overview = new OverviewReader({
    ...{ ...watched, database, catalog, resources, sampler },
    breakers: recovery.breakers,
  });
  const rooms = new RoomWatch({
    ...{ livekit, database, hub, logger },
    requestTimeoutMs: config.livekitRequestTimeoutMs,
  });
  const counts = new NavigationCounter({ database, admission, workers, rooms, hub, logger });
  const running = { database, livekit, agents: () => catalog.snapshot() };
  const metrics = instanceMetrics({
    ...{ jobMetrics, admission, pool, workers, livekitHealth, hub },
    lossMetrics: recovery.losses.metrics,
    breakers: recovery.breakers,
    queueDepth: () => sampler.latest?.queue ?? [],
    spansDropped: () => spanWriter.dropped,
  });
  return {
    config,
    instanceId,
    database,
    livekit,
    livekitHealth,
    catalog,
    admission,
    control,
    limiter,
    resources,
    pool,
    runner,
    logs,
    logStreams,
    profiling: new Profiling(runner),
    live,
    dispatcher,
    claimer,
    placement,
    workers,
    hub,
    fleetUpdates,
    sampler,
    tracer,
    spanWriter,
    overview,
    rooms,
    counts,
    checks: new CheckRunner({ loaded, projectDir, readEnv, running }),
    storage: new StorageReader({ database, dataDir: dataDir.path }),
    settings: effectiveSettings(loaded, madeSettings({ livekit, dataDir: dataDir.path })),
    metrics,
    jobServices,
    standing,
    expiry,
    decisions,
    ...{ ruleBook, ruleRunner, ruleLeader },
    recovery,
    follower,
  };
}
