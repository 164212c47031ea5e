/**
 * The control plane: builds every part once, in dependency order, starts them and stops them in reverse.
 *
 *   starting → running → draining → stopping → stopped
 *
 * Nothing else wires parts together. `parts` is null until everything that serving needs is there.
 */
import { join } from "node:path";
import type { Database } from "../../db/client.ts";
import { setInstanceIntake } from "../../db/instances.ts";
import { Admission } from "../capacity/admission.ts";
import { LoadMeter } from "../capacity/load_meter.ts";
import { ResourceLimiter } from "../capacity/resource_limiter.ts";
import { ResourceMonitor } from "../capacity/resource_monitor.ts";
import type { LoadedConfig } from "../config/config.ts";
import { type EffectiveSetting, effectiveSettings } from "../config/effective_settings.ts";
import { VERSION } from "../config/version.ts";
import type { Config } from "../config/settings.ts";
import type { Auth } from "../auth/auth.ts";
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
import { Supervisor } from "../lifecycle/supervisor.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { LivekitHealth } from "../livekit/livekit_health.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { happeningOfWebhook } from "../livekit/room_happening.ts";
import { createServerApi } from "../livekit/server_api.ts";
import { mintWorkerToken, verifyWebhook, type WebhookVerdict } from "../livekit/tokens.ts";
import { AgentCatalog } from "../runtime/agent_catalog.ts";
import { ChildListener } from "../runtime/child_listener.ts";
import { AgentWatcher } from "../runtime/agent_watcher.ts";
import { JobRunner } from "../runtime/job_runner.ts";
import { JobServices } from "../runtime/job_services.ts";
import { LogWriter } from "../runtime/log_writer.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import { Reaper } from "../runtime/reaper.ts";
import { SlotPool } from "../runtime/slot_pool.ts";
import type { ChildEnvironment } from "../runtime/spawn_child.ts";
import { recordAgents } from "../runtime/record_agents.ts";
import { startDatabase } from "./start_database.ts";
import { startLivekit } from "./start_livekit.ts";
import { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { Spool } from "../coordination/spool.ts";
import type { SpooledChange } from "../coordination/spooled_change.ts";
import { InstancePresence } from "../coordination/instance_presence.ts";
import { Leadership } from "../coordination/leadership.ts";
import { closePreviousInstance } from "../coordination/previous_instance.ts";
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
import { buildRecovery, isAgentGone, type RecoveryParts } from "./build_recovery.ts";
import { fleetSnapshot } from "./fleet_snapshot.ts";
import { type DrainEnd, InstanceControl } from "./instance_control.ts";
import { instanceMetrics } from "./instance_metrics.ts";
import { OverviewReader } from "./overview.ts";
import { Profiling } from "./profiling.ts";
import { CheckRunner } from "./check_runner.ts";
import { madeSettings } from "./made_settings.ts";
import { NavigationCounter } from "./navigation_counts.ts";
import { RoomWatch } from "./room_board.ts";
import { StorageReader } from "./storage_report.ts";
import { workerDirectory } from "./worker_directory.ts";

export type Phase = "starting" | "running" | "draining" | "stopping" | "stopped";

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

export interface ControlPlaneOptions {
  loaded: LoadedConfig;
  dataDir: DataDir;
  auth: Auth;
  logger: Logger;
  /** Folder of deno.json. */
  projectDir: string;
  /** Values of environment variables, for agents that list them in osPermissions.env. */
  readEnv: ReadEnv;
  /** Where LiveKit's webhooks reach us, once the HTTP server listens; null before. */
  webhookUrl: () => string | null;
  /** `deno task dev`: agent files are watched. */
  isDevelopment?: boolean;
}

const SERVICE_STOP_TIMEOUT_MS = 12_000;
const BYTES_PER_MB = 1_048_576;

export class ControlPlane {
  readonly instanceId = uuidv7();
  readonly auth: Auth;
  readonly startedAt = new Date();
  phase: Phase = "starting";
  parts: Parts | null = null;
  readonly #options: ControlPlaneOptions;
  readonly #config: Config;
  readonly logger: Logger;
  readonly #supervisor: Supervisor;
  readonly #ending = new AbortController();
  readonly #reaper: Reaper;
  #listener: ChildListener | null = null;
  #catalog: AgentCatalog | null = null;
  #presence: InstancePresence | null = null;
  #writer: LifecycleWriter | null = null;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#config = options.loaded.config;
    this.logger = options.logger.with({ instance: this.instanceId });
    this.auth = options.auth;
    this.#reaper = new Reaper(this.logger);
    this.#supervisor = new Supervisor({ logger: this.logger, stopTimeoutMs: SERVICE_STOP_TIMEOUT_MS });
  }

  /** Resolves when everything runs. Throws when something that the program can't do without does not start. */
  async start(): Promise<void> {
    const { dataDir } = this.#options;
    this.#ending.signal.throwIfAborted();
    this.#reaper.start();
    const { projectDir, readEnv } = this.#options;
    const { agentsDir } = this.#config;
    const folders = { projectDir, agentsDir, dataDir: dataDir.path };
    const { logger } = this;
    const listener = ChildListener.open({ logger, reaper: this.#reaper });
    this.#listener = listener;
    const environment: ChildEnvironment = { folders, readEnv, reaper: this.#reaper, listener, logger };
    const catalog = new AgentCatalog({
      ...{ agentsDir, settings: this.#config, environment, logger },
      inlineAgents: this.#config.inlineAgents ?? [],
    });
    this.#catalog = catalog;
    const [database, livekit] = await Promise.all([
      startDatabase({
        config: this.#config,
        dataDir,
        supervisor: this.#supervisor,
        logger: this.logger,
        signal: this.#ending.signal,
      }),
      startLivekit({
        config: this.#config,
        dataDir,
        supervisor: this.#supervisor,
        logger: this.logger,
        webhookUrl: this.#options.webhookUrl,
      }),
      catalog.load(),
    ]);
    this.#presence = new InstancePresence({
      database,
      instanceId: this.instanceId,
      version: VERSION,
      maxJobs: this.#config.maxConcurrentJobs,
      logger: this.logger,
    });
    await this.#supervisor.add(this.#presence);
    const { spoolMaxBytes: maxBytes, databaseAwayMs: timeoutMs } = this.#config;
    const spool = await Spool.open<SpooledChange>({ path: join(dataDir.path, "spool"), maxBytes, logger });
    const writer = new LifecycleWriter({ database, spool, timeoutMs, logger });
    this.#writer = writer;
    await this.#supervisor.add(writer);
    await closePreviousInstance({ database, previousInstanceId: dataDir.previousInstanceId, logger: this.logger });
    await dataDir.recordInstance(this.instanceId);
    await recordAgents(database, catalog);
    await this.auth.attach(database);
    await this.#supervisor.add(this.auth);
    await this.#startParts(this.#buildParts(database, livekit, catalog, environment, writer));
  }

  /**
   * Takes no new jobs, waits until the running ones have ended (GREENROOM_DRAIN_TIMEOUT_MS; `forceStop` ends them now), then
   * stops everything. Resolves with what became of the jobs; null when it had not begun to run any.
   */
  async stop(): Promise<DrainEnd | null> {
    const { parts } = this;
    if (this.phase === "starting" || this.phase === "running") this.phase = "draining";
    this.#ending.abort(new DOMException("stopping", "AbortError"));
    let drained: DrainEnd | null = null;
    if (parts) {
      const deadlineMs = this.#config.drainTimeoutMs;
      const drain = parts.control.drain({ actor: `instance:${this.instanceId}`, deadlineMs, then: "stop" });
      drained = await drain.ended;
      await drain.recorded;
      this.phase = "stopping";
      parts.placement.stop();
      await parts.pool.stop(0);
      await parts.logs.flush();
      await parts.spanWriter.forceFlush();
    }
    this.phase = "stopping";
    await this.#catalog?.stop();
    this.#listener?.close();
    await this.#supervisor.stop();
    await this.#reaper.stop();
    this.phase = "stopped";
    return drained;
  }

  /** Ends what still runs, now; for a program that is stopping. */
  forceStop(): void {
    this.parts?.control.force();
  }

  /** For /health: alive, and what is known of the things we depend on. */
  health() {
    const health = this.parts?.livekitHealth.snapshot();
    const services = this.#supervisor.statuses().map(({ name, state, restarts, lastError }) => ({
      name,
      state,
      restarts,
      lastError,
    }));
    return {
      status: "alive",
      phase: this.phase,
      version: VERSION,
      instance: this.instanceId,
      startedAt: this.startedAt.toISOString(),
      database: !this.#presence ? "starting" : this.#presence.isDatabaseThere ? "connected" : "unreachable",
      spooledChanges: this.#writer?.spooled ?? 0,
      livekit: health
        ? { state: health.state, since: health.since.toISOString(), error: health.error, remedy: health.remedy }
        : "starting",
      services,
    };
  }

  /** For /ready: able to serve; LiveKit being away does not count against it. */
  readiness(): { ready: boolean; reason: string | null } {
    if (this.phase !== "running" || !this.parts) return { ready: false, reason: this.phase };
    return this.#presence?.isDatabaseThere
      ? { ready: true, reason: null }
      : { ready: false, reason: "the database can't be reached" };
  }

  /** Checks a webhook's signature and has the rules act on it; the answer does not wait for that. */
  async receiveWebhook(body: string, authorization: string | null): Promise<WebhookVerdict> {
    const { parts } = this;
    if (!parts) return { ok: false, reason: "the control plane is starting" };
    const verdict = await verifyWebhook(parts.livekit.credentials(), { body, authorization });
    if (!verdict.ok) return verdict;
    this.logger.debug("webhook", { event: verdict.event.event, room: verdict.event.room?.name });
    const happening = happeningOfWebhook(verdict.event);
    if (happening !== null) parts.ruleRunner.tell(happening);
    if (isAgentGone(verdict.event)) parts.recovery.silentRooms.wake();
    return verdict;
  }

  #buildParts(
    database: Database,
    livekit: LivekitServer,
    catalog: AgentCatalog,
    environment: ChildEnvironment,
    writer: LifecycleWriter,
  ): Parts {
    const config = this.#config;
    const { instanceId } = this;
    const logger = this.logger;
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
      previousInstanceId: this.#options.dataDir.previousInstanceId,
      server: livekit.name,
      runner: () => runner,
      connectedForMs: () => this.#presence?.connectedForMs ?? 0,
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
        await this.#presence?.setState(state);
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
    const { loaded, projectDir, readEnv, dataDir } = this.#options;
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

  async #startParts(parts: Parts): Promise<void> {
    const {
      logs,
      livekitHealth,
      resources,
      workers,
      claimer,
      pool,
      catalog,
      livekit,
      hub,
      fleetUpdates,
      sampler,
      spanWriter,
    } = parts;
    // The first token of a process takes 14 ms to sign; better now than in a request.
    await mintWorkerToken(livekit.credentials());
    pool.setAgents(catalog.poolAgents(this.#config.warmSlots));
    catalog.onChange(() => this.#agentsChanged(parts));
    livekitHealth.onChange((isReachable) => isReachable && claimer.wake());
    livekitHealth.onChange(() => fleetUpdates.touch());
    parts.admission.onChange(() => fleetUpdates.touch());
    for (
      const service of [
        hub,
        parts.logStreams,
        fleetUpdates,
        sampler,
        spanWriter,
        logs,
        livekitHealth,
        resources,
        workers,
        claimer,
        parts.rooms,
        parts.counts,
        parts.standing,
        parts.expiry,
        parts.decisions,
        parts.ruleLeader,
        parts.ruleRunner,
        parts.follower,
        ...parts.recovery.services,
      ]
    ) {
      await this.#supervisor.add(service);
    }
    if (this.#watchesAgents) {
      const { agentsDir } = this.#config;
      await this.#supervisor.add(new AgentWatcher({ agentsDir, catalog, logger: this.logger }));
    }
    await this.#presence?.setState("running");
    // Asked to stop meanwhile: what was started is being stopped, and nothing may run on it.
    this.#ending.signal.throwIfAborted();
    this.parts = parts;
    this.phase = "running";
  }

  get #watchesAgents(): boolean {
    const { watchAgents } = this.#config;
    return watchAgents === "auto" ? this.#options.isDevelopment ?? false : watchAgents === "1";
  }

  /** New jobs run what the files say now; running ones end on what they began with. */
  #agentsChanged({ pool, catalog, database, claimer, fleetUpdates }: Parts): void {
    pool.setAgents(catalog.poolAgents(this.#config.warmSlots));
    claimer.wake();
    fleetUpdates.touch();
    recordAgents(database, catalog).catch((error) => this.logger.warn("could not record the agents", { error }));
  }
}
