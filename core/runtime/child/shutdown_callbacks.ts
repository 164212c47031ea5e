/** A job's cleanup: the last registered callback runs first, one after another, all inside one budget. */
import type { EndedReason, JobLog, ShutdownCallback } from "../../agent/job_context.ts";
import type { Budget } from "./budget.ts";

const MAX_CALLBACKS = 1_000;

export class ShutdownCallbacks {
  readonly #callbacks: ShutdownCallback[] = [];
  readonly #log: JobLog;

  constructor(log: JobLog) {
    this.#log = log;
  }

  /** Callbacks registered while others run are run too. */
  register(callback: ShutdownCallback): void {
    if (this.#callbacks.length >= MAX_CALLBACKS) {
      throw new RangeError(`Cannot register a shutdown callback: there are ${MAX_CALLBACKS} already`);
    }
    this.#callbacks.push(callback);
  }

  /** Runs all of them; one that fails is logged and hinders no other, and none is begun when the budget is spent. */
  async run(reason: EndedReason, budget: Budget): Promise<void> {
    for (let callback = this.#callbacks.pop(); callback !== undefined; callback = this.#callbacks.pop()) {
      if (budget.isSpent) {
        this.#log.error(`${this.#callbacks.length + 1} shutdown callbacks were not run: the time was over`, { reason });
        this.#callbacks.length = 0;
        return;
      }
      const finished = await Promise.race([this.#runOne(callback, reason), budget.spent.then(() => false)]);
      if (!finished) this.#log.error("A shutdown callback did not end in time", { reason });
    }
  }

  async #runOne(callback: ShutdownCallback, reason: EndedReason): Promise<true> {
    try {
      await callback(reason);
    } catch (error) {
      this.#log.error("A shutdown callback failed", { reason, error });
    }
    return true;
  }
}
