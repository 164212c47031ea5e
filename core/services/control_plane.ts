/**
 * The control plane: builds every part once, in dependency order, starts them and stops them in reverse.
 *
 *   starting → running → draining → stopping → stopped
 *
 * Nothing else wires parts together. `parts` is null until everything that serving needs is there.
 */
import type { Database } from "../../db/client.ts";
import { Admission } from "../capacity/admission.ts";
import type { LoadedConfig } from "../config/config.ts";
import { VERSION } from "../config/version.ts";
import type { Config } from "../config/settings.ts";
import type { Auth } from "../auth/auth.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { JobStarter } from "../dispatch/job_starter.ts";
import { jobTracing, tracedDispatch } from "../dispatch/dispatch_trace.ts";
import { countDispatchChange } from "../dispatch/dispatch_telemetry.ts";
import { publishDispatchChange, publishJobLog } from "../dispatch/dispatch_updates.ts";
import { LiveDispatches } from "../dispatch/live_dispatches.ts";
import { LivekitIntake } from "../dispatch/livekit_intake.ts";
import { LivekitPlacement } from "../dispatch/livekit_placement.ts";
import { QueueClaimer } from "../dispatch/queue_claimer.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin, Supervisor } from "../lifecycle/supervisor.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { LivekitHealth } from "../livekit/livekit_health.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { createServerApi } from "../livekit/server_api.ts";
import { mintWorkerToken, verifyWebhook, type WebhookVerdict } from "../livekit/tokens.ts";
import { AgentCatalog } from "../runtime/agent_catalog.ts";
import { JobRunner } from "../runtime/job_runner.ts";
import { LogWriter } from "../runtime/log_writer.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import { Reaper } from "../runtime/reaper.ts";
import { SlotPool } from "../runtime/slot_pool.ts";
import type { ChildEnvironment } from "../runtime/spawn_child.ts";
import { recordAgents } from "../runtime/record_agents.ts";
import { startDatabase } from "./start_database.ts";
import { startLivekit } from "./start_livekit.ts";
import { InstancePresence } from "../coordination/instance_presence.ts";
import { recoverPreviousInstance } from "../coordination/previous_instance.ts";
import { FleetUpdates } from "../updates/fleet_updates.ts";
import { Hub } from "../updates/hub.ts";
import { WorkerFleet } from "../worker/worker_fleet.ts";
import { DispatchTracer } from "../telemetry/dispatch_tracer.ts";
import { SpanWriter } from "../telemetry/span_writer.ts";
import { JobMetrics } from "../telemetry/job_metrics.ts";
import type { Metric } from "../telemetry/metrics.ts";
import { Sampler } from "../telemetry/sampler.ts";
import { fleetSnapshot } from "./fleet_snapshot.ts";
import { instanceMetrics } from "./instance_metrics.ts";
import { OverviewReader } from "./overview.ts";

export type Phase = "starting" | "running" | "draining" | "stopping" | "stopped";

export interface Parts {
  config: Config;
  instanceId: string;
  database: Database;
  livekit: LivekitServer;
  livekitHealth: LivekitHealth;
  catalog: AgentCatalog;
  admission: Admission;
  pool: SlotPool;
  runner: JobRunner;
  logs: LogWriter;
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
  metrics: readonly Metric[];
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
}

/** How long a recorded change is tried while the database is away. */
const RECORD_GIVE_UP_MS = 60_000;
const SERVICE_STOP_TIMEOUT_MS = 12_000;
/** Beyond the jobs' own grace, for killed processes to be seen and recorded. */
const FORCED_STOP_MARGIN_MS = 3_000;

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
  #catalog: AgentCatalog | null = null;
  #presence: InstancePresence | null = null;

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
    this.#reaper.start();
    const { projectDir, readEnv } = this.#options;
    const { agentsDir } = this.#config;
    const folders = { projectDir, agentsDir, dataDir: dataDir.path };
    const environment: ChildEnvironment = { folders, readEnv, reaper: this.#reaper, logger: this.logger };
    const catalog = new AgentCatalog({ agentsDir, settings: this.#config, environment, logger: this.logger });
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
    await recoverPreviousInstance({ database, previousInstanceId: dataDir.previousInstanceId, logger: this.logger });
    await dataDir.recordInstance(this.instanceId);
    await recordAgents(database, catalog);
    await this.auth.attach(database);
    await this.#supervisor.add(this.auth);
    await this.#startParts(this.#buildParts(database, livekit, catalog, environment));
  }

  /** Waits for running jobs (no new ones are taken), then stops everything. With `force`, or by `forceStop` meanwhile, jobs end now. */
  async stop({ force }: { force: boolean }): Promise<void> {
    const { parts } = this;
    if (this.phase === "starting" || this.phase === "running") this.phase = "draining";
    this.#ending.abort(new DOMException("stopping", "AbortError"));
    if (parts) {
      parts.admission.stopAdmitting();
      await this.#presence?.setState("draining");
      await this.#drain(parts, force);
      this.phase = "stopping";
      parts.placement.stop();
      await parts.pool.stop(0);
      await parts.logs.flush();
      await parts.spanWriter.forceFlush();
    }
    this.phase = "stopping";
    await this.#catalog?.stop();
    await this.#supervisor.stop();
    await this.#reaper.stop();
    this.phase = "stopped";
  }

  /** Ends what still runs, now. */
  forceStop(): void {
    for (const job of this.parts?.runner.list() ?? []) job.cancel("shutdown", job.plan.shutdownGraceMs);
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

  /** Checks a webhook's signature. What they tell is logged; nothing acts on it yet. */
  async receiveWebhook(body: string, authorization: string | null): Promise<WebhookVerdict> {
    const { parts } = this;
    if (!parts) return { ok: false, reason: "the control plane is starting" };
    const verdict = await verifyWebhook(parts.livekit.credentials(), { body, authorization });
    if (verdict.ok) this.logger.debug("webhook", { event: verdict.event.event, room: verdict.event.room?.name });
    return verdict;
  }

  #buildParts(database: Database, livekit: LivekitServer, catalog: AgentCatalog, environment: ChildEnvironment): Parts {
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
    const admission = new Admission(
      config.maxConcurrentJobs,
      (agent) => catalog.find(agent)?.descriptor?.maxJobs ?? Infinity,
    );
    const pool = new SlotPool({ settings: config, environment, logger });
    const hub = new Hub({ instanceId, maxClients: config.maxSseClients, logger });
    const jobMetrics = new JobMetrics();
    const spanWriter = new SpanWriter({ database, instanceId, logger });
    const tracer = new DispatchTracer([spanWriter]);
    const jobTypeOf = (agent: string) => catalog.find(agent)?.descriptor?.jobType ?? "room";
    const live = new LiveDispatches({
      onChange: (view, change) => {
        try {
          publishDispatchChange(hub, view, change);
          countDispatchChange(jobMetrics, view, change);
          if (change.kind === "ended") tracer.dispatchEnded(tracedDispatch(view, jobTypeOf, Date.now()));
        } catch (error) {
          // Telling of a change must not stop it.
          logger.error("a change of a dispatch could not be told", { dispatch: view.id, change: change.kind, error });
        }
      },
    });
    const logs = new LogWriter({ database, maxLinesPerJob: config.maxLogLinesPerJob, logger });
    const runner = new JobRunner({ database, actor, logger, pool, giveUpMs: RECORD_GIVE_UP_MS });
    const placement = new LivekitPlacement({ database, api, live, actor, logger });
    const wakeQueue = () => claimer.wake();
    const starter = new JobStarter({
      catalog,
      runner,
      logs,
      live,
      livekit,
      shutdownGraceMs: config.shutdownGraceMs,
      onLog: (job, line) => publishJobLog(hub, job, line),
      tracing: jobTracing(tracer, spanWriter, instanceId),
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
    const server = livekit.name;
    const { maxMetadataBytes, queueCapacity, maxWaiters } = config;
    const dispatcher = new Dispatcher({
      ...{ database, instanceId, server, catalog, admission, runner, starter, live, placement, wakeQueue, logger },
      ...{ maxMetadataBytes, queueCapacity, maxWaiters },
      health: livekitHealth,
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
      logger,
      signal: this.#ending.signal,
    });
    const workers = new WorkerFleet({
      ...{ catalog, database, instanceId, server: livekit, admission, intake, logger },
      timings: {
        handshakeTimeoutMs: config.livekitHandshakeTimeoutMs,
        pingIntervalMs: config.livekitPingIntervalMs,
        reconnectFirstMs: config.livekitReconnectFirstMs,
        reconnectMaxMs: config.livekitReconnectMaxMs,
      },
      isDebug: config.livekitWsDebug,
      onTrouble: () => livekitHealth.suspect(),
    });
    const watched = { instanceId, admission, pool, workers, livekitHealth };
    const fleetUpdates = new FleetUpdates({ hub, snapshot: () => fleetSnapshot(watched), logger });
    const sampler = new Sampler({
      ...{ database, instanceId, jobMetrics, logger },
      slots: () => admission.snapshot(),
      childPids: () => pool.pids(),
      onSample: (sample) => hub.publish("load", "load", sample),
    });
    const overview = new OverviewReader({ ...watched, database, catalog, sampler });
    const metrics = instanceMetrics({
      ...{ jobMetrics, admission, pool, workers, livekitHealth, hub },
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
      pool,
      runner,
      logs,
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
      metrics,
    };
  }

  async #startParts(parts: Parts): Promise<void> {
    const { logs, livekitHealth, workers, claimer, pool, catalog, livekit, hub, fleetUpdates, sampler, spanWriter } =
      parts;
    // The first token of a process takes 14 ms to sign; better now than in a request.
    await mintWorkerToken(livekit.credentials());
    pool.setAgents(catalog.poolAgents(this.#config.warmSlots));
    livekitHealth.onChange((isReachable) => isReachable && claimer.wake());
    livekitHealth.onChange(() => fleetUpdates.touch());
    parts.admission.onChange(() => fleetUpdates.touch());
    for (const service of [hub, fleetUpdates, sampler, spanWriter, logs, livekitHealth, workers, claimer]) {
      await this.#supervisor.add(service);
    }
    await this.#presence?.setState("running");
    this.parts = parts;
    this.phase = "running";
  }

  async #drain({ runner }: Parts, force: boolean): Promise<void> {
    const gone = () => Promise.all(runner.list().map((job) => job.gone));
    const { drainTimeoutMs, shutdownGraceMs } = this.#config;
    if (!force && runner.count > 0) {
      this.logger.info("waiting for running jobs; a second signal ends them now", {
        running: runner.count,
        drainTimeoutMs,
      });
      await settlesWithin(gone(), drainTimeoutMs);
    }
    if (runner.count === 0) return;
    this.forceStop();
    const longestGraceMs = Math.max(shutdownGraceMs, ...runner.list().map((job) => job.plan.shutdownGraceMs));
    if (!await settlesWithin(gone(), longestGraceMs + FORCED_STOP_MARGIN_MS)) {
      this.logger.error("jobs did not end in time; their processes are killed", { running: runner.count });
    }
  }
}
