/**
 * This instance's row: made at start, a heartbeat every second on database time, and its state. Whether the last
 * heartbeat was written also tells `/ready` if the database is there.
 */
import { hostname } from "node:os";
import type { Database } from "../../db/client.ts";
import { heartbeatInstance, insertInstance, setInstanceState } from "../../db/instances.ts";
import type { InstanceState } from "../../db/schema/states.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";

const HEARTBEAT_EVERY_MS = 1_000;

export interface InstancePresenceOptions {
  database: Database;
  instanceId: string;
  version: string;
  maxJobs: number;
  logger: Logger;
}

export class InstancePresence implements Service {
  readonly name = "instance-presence";
  readonly #options: InstancePresenceOptions;
  #isDatabaseThere = false;

  constructor(options: InstancePresenceOptions) {
    this.#options = options;
  }

  /** Whether the last heartbeat was written. */
  get isDatabaseThere(): boolean {
    return this.#isDatabaseThere;
  }

  async start(): Promise<void> {
    const { database, instanceId: id, version, maxJobs } = this.#options;
    // A restarted service finds its row there.
    if (!this.#isDatabaseThere) {
      await insertInstance(database, { id, hostname: hostname(), pid: Deno.pid, version, maxJobs });
    }
    this.#isDatabaseThere = true;
  }

  async run(signal: AbortSignal): Promise<void> {
    await runEvery({
      everyMs: HEARTBEAT_EVERY_MS,
      signal,
      task: () => this.#beat(),
      onError: (error) => this.#missed(error),
    });
    await this.setState("stopped");
  }

  async setState(state: InstanceState): Promise<void> {
    try {
      await setInstanceState(this.#options.database, this.#options.instanceId, state);
    } catch (error) {
      this.#options.logger.warn("could not record the instance's state", { state, error });
    }
  }

  async #beat(): Promise<void> {
    await heartbeatInstance(this.#options.database, this.#options.instanceId);
    if (!this.#isDatabaseThere) this.#options.logger.info("the database is back");
    this.#isDatabaseThere = true;
  }

  #missed(error: unknown): void {
    if (this.#isDatabaseThere) this.#options.logger.error("the database can't be reached", { error });
    this.#isDatabaseThere = false;
  }
}
