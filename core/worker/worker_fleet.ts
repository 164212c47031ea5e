/**
 * All workers of this instance: one per agent that is ready. Follows the catalog: a new agent gets a worker, one whose
 * registration changed a new one, one that is gone or broken none; the old worker is retired (agent_worker.ts), so that
 * jobs that run are not touched. An agent that is just being loaded again keeps the worker it has.
 * Each change of a connection's state, and each load that differs, is recorded for the other instances.
 */
import type { Database } from "../../db/client.ts";
import { setWorkerLoads, upsertWorker } from "../../db/workers.ts";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { AgentWorker, type AgentWorkerOptions } from "./agent_worker.ts";
import { OfferRush } from "./offer_rush.ts";
import { type RegisteredWorker, workerKeyOf } from "./worker_match.ts";

export interface WorkerFleetOptions extends Omit<AgentWorkerOptions, "agent" | "onStateChange" | "askAccept" | "rush"> {
  catalog: AgentCatalog;
  database: Database;
  instanceId: string;
  /** A connection was lost or could not be made. */
  onTrouble: () => void;
  logger: Logger;
}

interface Running {
  worker: AgentWorker;
  /** What LiveKit was told at registration: another text needs another registration. */
  registration: string;
  ended: Promise<void>;
  /** Load as last recorded. */
  recordedLoad: number | null;
  /** Its row is written by one statement at a time, so that the newest state is the last. */
  recorded: Promise<unknown>;
}

/** LiveKit is told every 2.5 s, and so is the table; it is also the backstop for changes of the catalog. */
const LOOK_EVERY_MS = 2_500;

export class WorkerFleet implements Service {
  readonly name = "workers";
  readonly #options: WorkerFleetOptions;
  readonly #running = new Set<Running>();
  readonly #alarm = new Alarm();
  readonly #rush = new OfferRush();

  constructor(options: WorkerFleetOptions) {
    this.#options = options;
  }

  /** Those that are retired and still hold a job are in it. */
  list(): readonly AgentWorker[] {
    return [...this.#running].map(({ worker }) => worker);
  }

  /** For matching a dispatch with the workers that there are. */
  registered(): RegisteredWorker[] {
    return this.list().filter(({ isRetired }) => !isRetired).map((worker) => {
      const isRegistered = worker.snapshot().state === "registered";
      const { agent, refusal } = worker;
      return {
        ...workerKeyOf(worker.descriptor),
        agent,
        isTaking: isRegistered && refusal === null,
        refusal: isRegistered ? refusal : "not connected to LiveKit",
      };
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#options.catalog.onChange(() => this.#alarm.ring());
    try {
      while (!signal.aborted) {
        this.#follow(signal);
        await this.#recordLoads();
        await this.#alarm.wait(LOOK_EVERY_MS, signal);
      }
    } finally {
      stopListening();
      await Promise.all([...this.#running].map(({ ended }) => ended));
    }
  }

  /** Starts and retires workers until there is one for each agent that is ready. */
  #follow(signal: AbortSignal): void {
    const wanted = new Map<string, AgentDescriptor>();
    const loading = new Set<string>();
    for (const { name, state, descriptor } of this.#options.catalog.list()) {
      if (state === "ready" && descriptor) wanted.set(name, descriptor);
      if (state === "loading") loading.add(name);
    }
    for (const { worker, registration } of this.#running) {
      if (worker.isRetired || loading.has(worker.agent)) continue;
      const descriptor = wanted.get(worker.agent);
      if (descriptor && registrationOf(descriptor) === registration) wanted.delete(worker.agent);
      else {
        this.#options.logger.info("a worker is retired: its agent changed or is gone", { worker: worker.name });
        worker.retire();
      }
    }
    for (const agent of wanted.values()) this.#start(agent, signal);
  }

  #start(agent: AgentDescriptor, signal: AbortSignal): void {
    const { catalog, logger } = this.#options;
    const worker = new AgentWorker({
      ...this.#options,
      agent,
      rush: this.#rush,
      askAccept: (name, request, timeoutMs) => {
        const entry = catalog.find(name);
        return entry?.descriptor?.hooks.accept ? entry.hook("accept", request, timeoutMs) : null;
      },
      onStateChange: () => this.#stateChanged(running),
    });
    const running: Running = {
      worker,
      registration: registrationOf(agent),
      ended: Promise.resolve(),
      recordedLoad: null,
      recorded: Promise.resolve(),
    };
    this.#running.add(running);
    running.ended = worker.run(signal)
      .catch((error) => logger.error("a worker failed", { worker: worker.name, error }))
      .then(async () => {
        await running.recorded;
        this.#running.delete(running);
        // One that ended by itself is started again, unless its agent is gone.
        if (!signal.aborted) this.#alarm.ring();
      });
  }

  #stateChanged(running: Running): void {
    const { worker } = running;
    const { state, workerId, lastClose, lastError } = worker.snapshot();
    if (state === "reconnecting" || lastError !== null) this.#options.onTrouble();
    const { database, instanceId, logger } = this.#options;
    const { namespace, deployment } = worker.descriptor;
    const row = {
      id: worker.id,
      instanceId,
      server: worker.server,
      agent: worker.agent,
      jobType: worker.jobType,
      namespace,
      deployment,
      livekitWorkerId: workerId,
      state,
      lastCloseCode: lastClose?.code ?? null,
      lastError: lastError?.explanation ?? null,
    };
    running.recorded = running.recorded.then(() => upsertWorker(database, row))
      .catch((error) => logger.warn("could not record a worker's state", { worker: worker.name, error }));
  }

  /** One statement for all workers, and only for loads that look different in percent. */
  async #recordLoads(): Promise<void> {
    const changed = [...this.#running].flatMap((running) => {
      const loadRatio = Math.round(running.worker.load().loadRatio * 100) / 100;
      return loadRatio === running.recordedLoad ? [] : [{ running, id: running.worker.id, loadRatio }];
    });
    if (changed.length === 0) return;
    try {
      const recorded = await setWorkerLoads(
        this.#options.database,
        changed.map(({ id, loadRatio }) => ({ id, loadRatio })),
      );
      // A worker that is new has no row yet; its load is recorded by the next look.
      for (const { running, id, loadRatio } of changed) if (recorded.has(id)) running.recordedLoad = loadRatio;
    } catch (error) {
      this.#options.logger.debug("could not record the workers' loads", { error });
    }
  }
}

function registrationOf(descriptor: AgentDescriptor): string {
  return JSON.stringify([workerKeyOf(descriptor), descriptor.permissions]);
}
