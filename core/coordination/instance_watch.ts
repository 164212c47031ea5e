/**
 * Watches the other instances of the fleet and tells when one is dead (instance_verdict.ts has the rules). Every instance
 * watches; who acts on it is decided by guarded claims, so being told twice does no harm.
 */
import type { Database } from "../../db/client.ts";
import { setInstanceState } from "../../db/instances.ts";
import { type InstanceSight, lookAtOthers } from "../../db/session_lock.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { type InstanceLook, judgeInstance } from "./instance_verdict.ts";

export interface InstanceWatchOptions {
  database: Database;
  instanceId: string;
  /** How long our own session has been there without a break, in milliseconds. */
  connectedForMs: () => number;
  /** Called once per dead instance and process, with whether its session lock is free; must not throw. */
  onDead: (instanceId: string, isLockFree: boolean) => void;
  logger: Logger;
}

const LOOK_EVERY_MS = 500;
/** Instances looked at; a fleet with more needs another way to watch. */
const MAX_INSTANCES = 1_000;

export class InstanceWatch implements Service {
  readonly name = "instance-watch";
  readonly #options: InstanceWatchOptions;
  /** The first look at which an instance's lock was free, as long as it is. */
  readonly #freeSince = new Map<string, InstanceLook>();

  constructor(options: InstanceWatchOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    await runEvery({
      everyMs: LOOK_EVERY_MS,
      signal,
      task: () => this.look(),
      onError: (error) => {
        // What was seen before a break proves nothing after it.
        this.#freeSince.clear();
        logger.debug("could not look at the other instances", { error });
      },
    });
  }

  /** One look at all of them. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, instanceId } = this.#options;
    const others = await lookAtOthers(database, instanceId, MAX_INSTANCES);
    const known = new Set(others.map((other) => other.instanceId));
    for (const id of this.#freeSince.keys()) if (!known.has(id)) this.#freeSince.delete(id);
    for (const other of others) await this.#judge(other);
  }

  async #judge({ instanceId, atMs, heartbeatAgeMs, isLockFree }: InstanceSight): Promise<void> {
    const { database, connectedForMs, onDead, logger } = this.#options;
    const look = { atMs, heartbeatAgeMs, isLockFree };
    const first = this.#freeSince.get(instanceId) ?? null;
    if (!isLockFree) this.#freeSince.delete(instanceId);
    else if (first === null) this.#freeSince.set(instanceId, look);
    if (judgeInstance(first, look, connectedForMs()) !== "dead") return;
    if (await setInstanceState(database, instanceId, "lost")) {
      logger.warn("another instance is dead", { deadInstance: instanceId, heartbeatAgeMs, isLockFree });
    }
    onDead(instanceId, isLockFree);
  }
}
