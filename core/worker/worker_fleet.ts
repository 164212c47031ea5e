/** All workers of this instance: one per agent that is ready. Records each change of connection state. */
import type { Logger } from "../lifecycle/logger.ts";
import { untilAborted } from "../lifecycle/supervisor.ts";
import type { Service } from "../lifecycle/service.ts";
import { AgentWorker, type AgentWorkerOptions } from "./agent_worker.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { Database } from "../../db/client.ts";
import { upsertWorker } from "../../db/workers.ts";

export interface WorkerFleetOptions extends Omit<AgentWorkerOptions, "agent" | "onStateChange"> {
  catalog: AgentCatalog;
  database: Database;
  instanceId: string;
  /** A connection was lost or could not be made. */
  onTrouble: () => void;
  logger: Logger;
}

export class WorkerFleet implements Service {
  readonly name = "workers";
  readonly #options: WorkerFleetOptions;
  #workers: AgentWorker[] = [];

  constructor(options: WorkerFleetOptions) {
    this.#options = options;
  }

  list(): readonly AgentWorker[] {
    return this.#workers;
  }

  async run(signal: AbortSignal): Promise<void> {
    const agents = this.#options.catalog.list().flatMap((agent) =>
      agent.state === "ready" && agent.descriptor ? [agent.descriptor] : []
    );
    // Participant and publisher jobs are not run yet, so nobody may be offered one.
    this.#workers = agents.filter((agent) => agent.jobType === "room").map((agent) =>
      new AgentWorker({ ...this.#options, agent, onStateChange: (worker) => this.#stateChanged(worker) })
    );
    await Promise.all(this.#workers.map((worker) => worker.run(signal)));
    // With no agent there is no worker, and nothing to do until the end.
    await untilAborted(signal);
  }

  #stateChanged(worker: AgentWorker): void {
    const { state, workerId, lastClose, lastError } = worker.snapshot();
    if (state === "reconnecting" || lastError !== null) this.#options.onTrouble();
    const { database, instanceId, logger } = this.#options;
    upsertWorker(database, {
      id: worker.id,
      instanceId,
      server: worker.server,
      agent: worker.agent,
      jobType: worker.jobType,
      livekitWorkerId: workerId,
      state,
      lastCloseCode: lastClose?.code ?? null,
      lastError: lastError?.explanation ?? null,
    }).catch((error) => logger.warn("could not record a worker's state", { worker: worker.name, error }));
  }
}
