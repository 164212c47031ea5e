/**
 * The control plane: has every part built (build_parts.ts), starts them in order and stops them in reverse.
 *
 *   starting → running → draining → stopping → stopped
 *
 * `parts` is null until everything that serving needs is there.
 */
import { join } from "node:path";
import type { Database } from "../../db/client.ts";
import type { DatabaseProblem } from "../../db/database_error.ts";
import { rehearsePlacing } from "../../db/rehearse_placing.ts";
import type { LoadedConfig } from "../config/config.ts";
import { VERSION } from "../config/version.ts";
import type { Config } from "../config/settings.ts";
import type { Auth } from "../auth/auth.ts";
import type { DataDir } from "../lifecycle/data_dir.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { Supervisor } from "../lifecycle/supervisor.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { happeningOfWebhook } from "../livekit/room_happening.ts";
import { mintWorkerToken, verifyWebhook, type WebhookVerdict } from "../livekit/tokens.ts";
import { AgentCatalog } from "../runtime/agent_catalog.ts";
import { ChildListener } from "../runtime/child_listener.ts";
import { AgentWatcher } from "../runtime/agent_watcher.ts";
import type { ReadEnv } from "../runtime/child_permissions.ts";
import { Reaper } from "../runtime/reaper.ts";
import { writeRtcBundle } from "../runtime/rtc_bundle.ts";
import type { ChildEnvironment } from "../runtime/spawn_child.ts";
import { recordAgents } from "../runtime/record_agents.ts";
import { startDatabase } from "./start_database.ts";
import { startLivekit } from "./start_livekit.ts";
import { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { Spool } from "../coordination/spool.ts";
import type { SpooledChange } from "../coordination/spooled_change.ts";
import { DatabaseWatch } from "../coordination/database_watch.ts";
import { InstancePresence } from "../coordination/instance_presence.ts";
import { closePreviousInstance } from "../coordination/previous_instance.ts";
import { isAgentGone } from "./build_recovery.ts";
import { buildParts, type Parts } from "./build_parts.ts";
import { type DrainEnd } from "./instance_control.ts";

export type Phase = "starting" | "running" | "draining" | "stopping" | "stopped";

export type { Parts } from "./build_parts.ts";

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
  #databaseWatch: DatabaseWatch | null = null;
  #presence: InstancePresence | null = null;
  #writer: LifecycleWriter | null = null;
  #spool: Spool<SpooledChange> | null = null;

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
    const [database, livekit, rtcBundle] = await Promise.all([
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
      this.#bundleRtc(projectDir),
      catalog.load(),
    ]);
    if (rtcBundle !== null) environment.rtcBundle = rtcBundle;
    const databaseWatch = new DatabaseWatch({ database, silenceMs: this.#config.databaseSilenceMs, logger });
    this.#databaseWatch = databaseWatch;
    const presence = new InstancePresence({
      database,
      instanceId: this.instanceId,
      version: VERSION,
      maxJobs: this.#config.maxConcurrentJobs,
      region: this.#config.region,
      zone: this.#config.zone,
      logger: this.logger,
    });
    this.#presence = presence;
    await this.#supervisor.add(presence);
    const { spoolMaxBytes: maxBytes, databaseAwayMs: timeoutMs } = this.#config;
    const spool = await Spool.open<SpooledChange>({ path: join(dataDir.path, "spool"), maxBytes, logger });
    const writer = new LifecycleWriter({ database, spool, timeoutMs, logger });
    this.#writer = writer;
    this.#spool = spool;
    await this.#supervisor.add(writer);
    await closePreviousInstance({ database, previousInstanceId: dataDir.previousInstanceId, logger: this.logger });
    await dataDir.recordInstance(this.instanceId);
    await recordAgents(database, catalog);
    await this.auth.attach(database);
    await this.#supervisor.add(this.auth);
    const { instanceId } = this;
    const sources = { instanceId, database, databaseWatch, livekit, catalog, environment, writer, presence, logger };
    await this.#startParts(buildParts({ ...this.#options, ...sources }));
    void this.#rehearsePlacing(database);
  }

  /** Beside whatever comes already: without it the first requests take some milliseconds more. */
  async #rehearsePlacing(database: Database): Promise<void> {
    try {
      await rehearsePlacing(database, this.instanceId, this.#config.databasePoolSize);
    } catch (error) {
      this.logger.debug("could not rehearse the placing of dispatches", { error });
    }
  }

  /** Null when it can't be made: children only load more slowly then. */
  async #bundleRtc(projectDir: string): Promise<string | null> {
    try {
      return await writeRtcBundle(projectDir);
    } catch (error) {
      this.logger.warn("rtc-node could not be written into one file; cold processes load more slowly", { error });
      return null;
    }
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
    await this.#spool?.close();
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
      database: !this.#presence ? "starting" : this.#isDatabaseThere ? "connected" : "unreachable",
      databaseAwaySince: this.#databaseWatch?.awaySince?.toISOString() ?? null,
      spooledChanges: this.#writer?.spooled ?? 0,
      livekit: health
        ? {
          state: health.state,
          since: health.since.toISOString(),
          error: health.error,
          remedy: health.remedy,
          circuit: health.circuit,
        }
        : "starting",
      services,
    };
  }

  /** For /ready: able to serve; LiveKit being away does not count against it. */
  readiness(): { ready: boolean; reason: string | null } {
    if (this.phase !== "running" || !this.parts) return { ready: false, reason: this.phase };
    return this.#isDatabaseThere
      ? { ready: true, reason: null }
      : { ready: false, reason: "the database can't be reached" };
  }

  /** A request takes long or has failed, which may be the database's doing. */
  suspectDatabase(): void {
    this.#databaseWatch?.suspect();
  }

  /** What is known of the database while it is away; null: it is there. */
  get databaseProblem(): DatabaseProblem | null {
    return this.#databaseWatch?.problem ?? null;
  }

  get #isDatabaseThere(): boolean {
    return this.#databaseWatch?.awaySince === null && (this.#presence?.isDatabaseThere ?? false);
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
    parts.admission.onChange(() => parts.fleet.directory.touch());
    livekitHealth.onChange(() => parts.fleet.directory.touch());
    for (
      const service of [
        hub,
        parts.logStreams,
        fleetUpdates,
        sampler,
        spanWriter,
        logs,
        ...parts.fleet.services,
        livekitHealth,
        resources,
        workers,
        claimer,
        parts.rooms,
        parts.counts,
        parts.standing,
        ...parts.followers.services,
        parts.expiry,
        parts.decisions,
        parts.ruleLeader,
        parts.ruleRunner,
        parts.follower,
        parts.events,
        parts.fleetLogs,
        ...parts.recovery.services,
        ...parts.outages.services,
        // Last: a start is not cut short by a database that is slow just then.
        ...(this.#databaseWatch ? [this.#databaseWatch] : []),
        ...parts.bulk.services,
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
  #agentsChanged({ pool, catalog, database, claimer, fleet, fleetUpdates }: Parts): void {
    pool.setAgents(catalog.poolAgents(this.#config.warmSlots));
    fleet.directory.touch();
    claimer.wake();
    fleetUpdates.touch();
    recordAgents(database, catalog).catch((error) => this.logger.warn("could not record the agents", { error }));
  }
}
