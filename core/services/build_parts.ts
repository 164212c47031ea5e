/**
 * The parts of the control plane, each built once, in dependency order, and wired together. Nothing here runs yet:
 * control_plane.ts starts and stops them.
 */
import type { Database } from "../../db/client.ts";
import { setInstanceIntake } from "../../db/instances.ts";
import { Admission, type StartGate } from "../capacity/admission.ts";
import { AgentStops } from "../capacity/agent_stops.ts";
import { LoadMeter } from "../capacity/load_meter.ts";
import { ResourceLimiter } from "../capacity/resource_limiter.ts";
import { ResourceMonitor } from "../capacity/resource_monitor.ts";
import type { LoadedConfig } from "../config/config.ts";
import type { Config } from "../config/settings.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { CancelElsewhere } from "../dispatch/cancel_elsewhere.ts";
import { DecisionRecorder } from "../dispatch/decision_recorder.ts";
import { DispatchLimits } from "../dispatch/dispatch_limits.ts";
import { FleetEvents } from "../dispatch/fleet_events.ts";
import { FleetLogs } from "../dispatch/fleet_logs.ts";
import { ExpirySweep } from "../dispatch/expiry_sweep.ts";
import { JobStarter } from "../dispatch/job_starter.ts";
import { jobTracing, tracedDispatch } from "../dispatch/dispatch_trace.ts";
import { countDispatchChange } from "../dispatch/dispatch_telemetry.ts";
import { publishDispatchChange, publishJobLog, publishJobProgress } from "../dispatch/dispatch_updates.ts";
import { LiveDispatches } from "../dispatch/live_dispatches.ts";
import { LivekitIntake } from "../dispatch/livekit_intake.ts";
import { LivekitPlacement } from "../dispatch/livekit_placement.ts";
import { TerminationCheck } from "../dispatch/termination_check.ts";
import { OutageIntake } from "../dispatch/outage_intake.ts";
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
import { createServerCircuit } from "../livekit/server_circuit.ts";
import { AgentCatalog } from "../runtime/agent_catalog.ts";
import { JobRunner } from "../runtime/job_runner.ts";
import { JobServices } from "../runtime/job_services.ts";
import { LogWriter } from "../runtime/log_writer.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import { SlotPool } from "../runtime/slot_pool.ts";
import type { ChildEnvironment } from "../runtime/spawn_child.ts";
import type { DatabaseWatch } from "../coordination/database_watch.ts";
import { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { InstancePresence } from "../coordination/instance_presence.ts";
import { Leadership } from "../coordination/leadership.ts";
import { Hub } from "../updates/hub.ts";
import { JobLogStreams } from "../updates/job_log_stream.ts";
import { WorkerFleet } from "../worker/worker_fleet.ts";
import { DispatchTracer } from "../telemetry/dispatch_tracer.ts";
import { SpanWriter } from "../telemetry/span_writer.ts";
import { JobMetrics } from "../telemetry/job_metrics.ts";
import { askLoad, jobsPerProcessOf } from "./agent_facts.ts";
import { buildBulk, type BulkParts } from "./build_bulk.ts";
import { buildFleet, type FleetParts, handleCommands, hostedAgents } from "./build_fleet.ts";
import { buildOutages, type OutageParts } from "./build_outages.ts";
import { buildRecovery, type RecoveryParts } from "./build_recovery.ts";
import { buildViews, type ViewParts } from "./build_views.ts";
import { InstanceControl } from "./instance_control.ts";
import { FleetProfiles } from "./fleet_profiles.ts";
import { Profiling } from "./profiling.ts";
import { buildLivekitFollowers, type LivekitFollowers } from "./build_livekit_followers.ts";
import { circumstances } from "./circumstances.ts";
import { workerDirectory } from "./worker_directory.ts";

export interface Parts extends ViewParts {
  config: Config;
  instanceId: string;
  database: Database;
  livekit: LivekitServer;
  livekitHealth: LivekitHealth;
  catalog: AgentCatalog;
  admission: Admission;
  /** Agents that take nothing here. */
  stops: AgentStops;
  /** Cordon, drain, stop. */
  control: InstanceControl;
  limiter: ResourceLimiter;
  resources: ResourceMonitor;
  pool: SlotPool;
  runner: JobRunner;
  logs: LogWriter;
  logStreams: JobLogStreams;
  profiles: FleetProfiles;
  live: LiveDispatches;
  dispatcher: Dispatcher;
  claimer: QueueClaimer;
  placement: LivekitPlacement;
  workers: WorkerFleet;
  hub: Hub;
  bulk: BulkParts;
  /** What instances tell and ask each other. */
  fleet: FleetParts;
  tracer: DispatchTracer;
  spanWriter: SpanWriter;
  jobServices: JobServices;
  standing: StandingDispatches;
  followers: LivekitFollowers;
  expiry: ExpirySweep;
  decisions: DecisionRecorder;
  ruleBook: RuleBook;
  ruleRunner: RuleRunner;
  /** Which instance polls rooms for rules. */
  ruleLeader: Leadership;
  recovery: RecoveryParts;
  outages: OutageParts;
  follower: LiveFollower;
  /** What the fleet does to dispatches, for who listens here. */
  events: FleetEvents;
  fleetLogs: FleetLogs;
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
  databaseWatch: DatabaseWatch;
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
    databaseWatch,
    logger,
  } = sources;
  const { config } = loaded;
  const actor = `instance:${instanceId}`;
  const circuit = createServerCircuit({ logger, onChange: () => livekitHealth.suspect() });
  const api = createServerApi({
    url: livekit.url,
    ...livekit.credentials(),
    timeoutMs: config.livekitRequestTimeoutMs,
    circuit,
  });
  const livekitHealth: LivekitHealth = new LivekitHealth({
    circuit,
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
  const fleet: FleetParts = buildFleet({
    ...{ config, database, instanceId, logger },
    hosted: () => hostedAgents({ catalog, admission, pool, livekitHealth, workers }, Date.now()),
  });
  const stops = new AgentStops();
  stops.onChange(() => admission.gateChanged());
  const gate: StartGate = {
    mayStart: (agent: string) => stops.find(agent) ? 0 : recovery.breakers.mayStart(agent),
    refusal: (agent: string) => stops.find(agent) ? "agent_stopped" : "breaker_open",
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
    stops,
    connectedForMs: () => presence.connectedForMs,
    isSpooling: () => writer.isAway,
    onRetry: (notBefore) => notBefore === null ? wakeAllQueues() : claimer.wakeAt(notBefore),
  });
  const decisions = new DecisionRecorder({
    ...{ database, instanceId, logger },
    running: () => admission.snapshot().used,
  });
  const live = new LiveDispatches({
    onChange: (view, change) => {
      try {
        publishDispatchChange(hub, view, change);
        events.changedHere(view);
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
    circumstances: () => circumstances(livekitHealth.snapshot(), resources.latest?.cpuRatio ?? null),
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
    onChange: () => views.fleetUpdates.touch(),
    liftStops: () => stops.lift(),
    onOpened: () => claimer.wake(),
  });
  const standing = new StandingDispatches({ ...{ database, api, live, actor, logger }, server: livekit.name });
  const jobServices = new JobServices({
    ...{ database, api, writer, logger, maxCheckpointBytes: config.maxCheckpointBytes },
    onProgress: (jobId, dispatchId, value) => publishJobProgress(hub, jobId, dispatchId, value),
  });
  const wakeQueue = () => claimer.wake();
  const wakeAllQueues = () => {
    claimer.wake();
    if (fleet.directory.hasOthers()) fleet.notices.tell("queue");
  };
  fleet.notices.on((topic) => topic === "queue" && claimer.wake());
  const directory = workerDirectory({
    ...{ catalog, database, instanceId, own: () => workers.registered() },
    elsewhere: (agent) => fleet.directory.elsewhere(agent),
  });
  const placement = new LivekitPlacement({
    ...{ database, api, live, actor, logger, workers: directory, onQueued: wakeAllQueues },
    assignTimeoutMs: config.livekitAssignTimeoutMs,
  });
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
    onStandingJobGone: () => {
      standing.wake();
      followers.jobGone();
    },
    onRetry: (notBefore) => {
      followers.runsAgain();
      return notBefore === null ? wakeAllQueues() : claimer.wakeAt(notBefore);
    },
    onJoined: (plan) => void recovery.jobs.joined(plan),
    onSlotFreed: wakeQueue,
  });
  const followers: LivekitFollowers = buildLivekitFollowers({
    ...{ database, instanceId, server: livekit.name, actor, api, catalog, admission, live, starter, runner, logger },
    ...{ workers: directory, advisor: recovery.advisor, onQueued: wakeAllQueues, stops },
    notTaking: () => workers.registered().filter(({ isTaking }) => !isTaking).map(({ agent }) => agent),
    ...{ maxMetadataBytes: config.maxMetadataBytes, queueCapacity: config.queueCapacity },
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
    regions: fleet.regions,
    whyUnwanted: (claimed) => followers.awaited.whyUnwanted(claimed),
    isServedElsewhere: (agent) => fleet.directory.isServing(agent),
    logger,
  });
  const isRunning = (jobId: string) => runner.find(jobId) !== null;
  const follower: LiveFollower = new LiveFollower({
    ...{ database, live, instanceId, isRunning, logger },
    onRefresh: (view) => events.heard(view),
  });
  const events: FleetEvents = new FleetEvents({
    ...{ database, instanceId, hub, notices: fleet.notices, logger },
    hasOthers: () => fleet.directory.hasOthers(),
    isLive: (id) => live.find(id) !== null,
    onNotice: () => follower.wake(),
    isNotified: config.notify,
  });
  const server = livekit.name;
  const { maxMetadataBytes, queueCapacity, maxWaiters } = config;
  const outages = buildOutages({
    ...{ database, databaseWatch, instanceId, writer, runner, starter, live, wakeQueue, logger },
    dispatcher: () => dispatcher,
  });
  const cancelHere = (id: string, by: string) => dispatcher.cancelHere(id, by);
  const dispatcher: Dispatcher = new Dispatcher({
    unconfirmed: outages.unconfirmed,
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
      wakeQueue: wakeAllQueues,
      logger,
    },
    ...{ maxMetadataBytes, queueCapacity, maxWaiters },
    health: livekitHealth,
    elsewhere: new CancelElsewhere({
      ...{ database, instanceId, commands: fleet.commands, cancelHere },
      withdraw: (id) => standing.withdraw(id),
    }),
    wakeQueueAt: (at) => claimer.wakeAt(at),
    regions: fleet.regions,
    isServedElsewhere: (agent) => fleet.directory.isServing(agent),
    isHostedElsewhere: (agent) => fleet.directory.isHosting(agent),
    limits: new DispatchLimits({
      global: { burst: config.rateGlobalBurst, perSecond: config.rateGlobalPerSecond },
      room: { burst: config.rateRoomBurst, perSecond: config.rateRoomPerSecond },
      key: { burst: config.rateKeyBurst, perSecond: config.rateKeyPerSecond },
    }),
  });
  handleCommands(fleet.commands, { dispatcher, control, config });
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
    missed: followers.missed,
    outage: new OutageIntake({
      isAway: () => databaseWatch.awaySince !== null,
      ...{ writer, runner, live, catalog, server, maxMetadataBytes },
    }),
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
  const views = buildViews({
    ...{ loaded, dataDir, projectDir, readEnv, instanceId, database, livekit, livekitHealth, catalog, logger },
    ...{ admission, stops, control, resources, loadMeter, pool, childPids, workers, hub, jobMetrics, spanWriter },
    ...{ fleet, recovery },
  });
  return {
    config,
    instanceId,
    database,
    livekit,
    livekitHealth,
    catalog,
    admission,
    stops,
    control,
    limiter,
    resources,
    pool,
    runner,
    logs,
    logStreams,
    profiles: new FleetProfiles({ instanceId, profiling: new Profiling(runner), commands: fleet.commands, logger }),
    live,
    dispatcher,
    claimer,
    placement,
    workers,
    hub,
    fleet,
    tracer,
    spanWriter,
    jobServices,
    standing,
    followers,
    expiry,
    decisions,
    bulk: buildBulk({ config, database, instanceId, dispatcher, hub, logger }),
    ...{ ruleBook, ruleRunner, ruleLeader },
    recovery,
    outages,
    follower,
    events,
    fleetLogs: new FleetLogs({ database, instanceId, hub, logger }),
    ...views,
  };
}
