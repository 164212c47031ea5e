/**
 * This instance's proof of life: its row with a heartbeat every second on database time, and a session lock on a
 * connection of its own, which Postgres frees the moment this process is gone. Whether the last heartbeat was written also
 * tells `/ready` if the database is there.
 *
 * Another instance may have taken us for dead (we were paused, or cut off from the database) and ended our row: then it is
 * opened again. Our jobs are still ours as far as their lease tokens say so; who took some over has changed those.
 */
import { hostname } from "node:os";
import type { Database } from "../../db/client.ts";
import { insertInstance, reviveInstance, setInstanceState } from "../../db/instances.ts";
import type { InstanceState } from "../../db/schema/states.ts";
import { InstanceSession } from "../../db/session_lock.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";

const HEARTBEAT_EVERY_MS = 1_000;
/** A heartbeat without an answer for so long counts as missed. */
const BEAT_TIMEOUT_MS = 2_000;

export interface InstancePresenceOptions {
  database: Database;
  instanceId: string;
  version: string;
  maxJobs: number;
  region?: string | null;
  zone?: string | null;
  logger: Logger;
  /** Our row had been ended by another instance, and is open again. */
  onRevived?: () => void;
}

export class InstancePresence implements Service {
  readonly name = "instance-presence";
  readonly #options: InstancePresenceOptions;
  #session: InstanceSession | null = null;
  #connectedSinceMs: number | null = null;
  #hasRow = false;
  /** As last set, for a row that has to be opened again. */
  #state: InstanceState = "starting";

  constructor(options: InstancePresenceOptions) {
    this.#options = options;
  }

  /** Whether the last heartbeat was written. */
  get isDatabaseThere(): boolean {
    return this.#connectedSinceMs !== null;
  }

  /**
   * How long heartbeats have been written, and our lock held, without a break, in milliseconds. A database that restarts
   * between two heartbeats is a break too: all locks were free meanwhile, and those of others prove nothing.
   */
  get connectedForMs(): number {
    return this.#connectedSinceMs === null ? 0 : performance.now() - this.#connectedSinceMs;
  }

  async start(): Promise<void> {
    const { database, instanceId: id, version, maxJobs, region = null, zone = null } = this.#options;
    // A restarted service finds its row there.
    if (!this.#hasRow) {
      await insertInstance(database, { id, hostname: hostname(), pid: Deno.pid, version, maxJobs, region, zone });
    }
    this.#hasRow = true;
    this.#session = new InstanceSession(database, () => this.#connectedSinceMs = null);
    await this.#beat();
  }

  async run(signal: AbortSignal): Promise<void> {
    await runEvery({
      everyMs: HEARTBEAT_EVERY_MS,
      signal,
      task: () => this.#beat(),
      onError: (error) => this.#missed(error),
    });
    await this.setState("stopped");
    await this.#session?.end();
  }

  async setState(state: InstanceState): Promise<void> {
    this.#state = state;
    try {
      await setInstanceState(this.#options.database, this.#options.instanceId, state);
    } catch (error) {
      this.#options.logger.warn("could not record the instance's state", { state, error });
    }
  }

  async #beat(): Promise<void> {
    const { database, instanceId, logger, onRevived } = this.#options;
    if (this.#session === null) throw new Error("Cannot beat: the instance has no session");
    const beating = this.#session.beat(instanceId);
    if (!await settlesWithin(beating, BEAT_TIMEOUT_MS)) {
      beating.catch((error) => logger.debug("a heartbeat that had timed out failed", { error }));
      throw new DOMException(`no answer within ${BEAT_TIMEOUT_MS} ms`, "TimeoutError");
    }
    if (!await beating) {
      await reviveInstance(database, instanceId, this.#state);
      logger.warn("another instance had taken this one for dead; it is back");
      onRevived?.();
    }
    if (this.#connectedSinceMs === null && this.#state !== "starting") logger.info("the database is back");
    this.#connectedSinceMs ??= performance.now();
  }

  #missed(error: unknown): void {
    if (this.#connectedSinceMs !== null) this.#options.logger.error("the database can't be reached", { error });
    this.#connectedSinceMs = null;
  }
}
