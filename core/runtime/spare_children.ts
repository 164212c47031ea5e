/**
 * Spare children: processes that have rtc-node loaded and primed but no agent yet. A cold start of any agent with the
 * default permissions adopts one and only has to load its file: about 20 instead of 150 ms, and a burst is over sooner.
 *
 * They are refilled last, when every agent has its warm slots, one at a time. A spare that dies unadopted holds the next
 * one back for RETRY_AFTER_MS.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { AgentChild } from "./child_process.ts";
import { DEFAULT_OS_PERMISSIONS, type OsPermissions } from "./child_permissions.ts";

const RETRY_AFTER_MS = 10_000;
const END_LIMIT_MS = 1_000;

export class SpareChildren {
  readonly #spawn: () => AgentChild;
  readonly #logger: Logger;
  readonly #children: AgentChild[] = [];
  #retryAtMs = -Infinity;

  constructor(spawn: () => AgentChild, logger: Logger) {
    this.#spawn = spawn;
    this.#logger = logger;
  }

  get count(): number {
    return this.#children.length;
  }

  pids(): number[] {
    return this.#children.flatMap(({ pid }) => pid ?? []);
  }

  /** Whether children with these permissions can be had from here. */
  static serves(permissions: OsPermissions): boolean {
    return JSON.stringify(permissions) === JSON.stringify(DEFAULT_OS_PERMISSIONS);
  }

  /** The one that has been loading longest, told to load `agentFile`; null when there is none. */
  adopt(agentFile: string, jobsAtOnce = 1): AgentChild | null {
    for (let child = this.#children.shift(); child; child = this.#children.shift()) {
      if (child.send({ type: "adopt", agentFile, jobsAtOnce })) return child;
    }
    return null;
  }

  /** Starts one if there are fewer than `wanted`, or ends those beyond. Returns whether one was started. */
  refill(wanted: number, nowMs: number): boolean {
    for (const surplus of this.#children.splice(wanted)) this.#end(surplus);
    if (this.#children.length >= wanted || nowMs < this.#retryAtMs) return false;
    const child = this.#spawn();
    this.#children.push(child);
    void child.exited.then((exit) => {
      const index = this.#children.indexOf(child);
      if (index === -1) return;
      this.#children.splice(index, 1);
      this.#retryAtMs = performance.now() + RETRY_AFTER_MS;
      this.#logger.warn("a spare agent process ended", { ...exit, stderr: child.stderrTail });
    });
    return true;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.splice(0).map((child) => child.end(END_LIMIT_MS)));
  }

  #end(child: AgentChild): void {
    child.end(END_LIMIT_MS).catch((error) => this.#logger.error("could not end a spare agent process", { error }));
  }
}
