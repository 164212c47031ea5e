/**
 * Tells who looks at bulk operations how far they are: `bulk` on the topic "bulk", for those that run anywhere or have just
 * ended. One query per look, while somebody listens: soon after something changed here, else every POLL_MS.
 */
import { listFreshBulkOperations } from "../../../db/bulk_operations.ts";
import type { Database } from "../../../db/client.ts";
import { Alarm } from "../../lifecycle/alarm.ts";
import type { Logger } from "../../lifecycle/logger.ts";
import type { Service } from "../../lifecycle/service.ts";
import { abortableWait } from "../../lifecycle/supervisor.ts";
import type { Hub } from "../../updates/hub.ts";
import { viewOfBulkOperation } from "./bulk_request.ts";

const POLL_MS = 1_000;
/** Between two looks. */
const SETTLE_MS = 200;
/** Longer than a look may be late. */
const FRESH_MS = 10_000;
const MAX_OPERATIONS = 50;

export class BulkUpdates implements Service {
  readonly name = "bulk-updates";
  readonly #options: { database: Database; hub: Hub; logger: Logger };
  readonly #alarm = new Alarm();
  /** What was told last, by operation. */
  #told = new Map<string, string>();

  constructor(options: { database: Database; hub: Hub; logger: Logger }) {
    this.#options = options;
  }

  /** Something changed. */
  touch(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.wait(POLL_MS, signal);
      if (signal.aborted || !this.#options.hub.hasSubscribers("bulk")) continue;
      try {
        await this.#tell();
      } catch (error) {
        this.#options.logger.warn("could not tell how far the bulk operations are", { error });
      }
      await abortableWait(SETTLE_MS, signal);
    }
  }

  async #tell(): Promise<void> {
    const { database, hub } = this.#options;
    const fresh = await listFreshBulkOperations(database.reads, { limit: MAX_OPERATIONS, sinceMs: FRESH_MS });
    const told = new Map<string, string>();
    for (const operation of fresh) {
      const view = viewOfBulkOperation(operation);
      const text = JSON.stringify(view);
      told.set(view.id, text);
      if (this.#told.get(view.id) !== text) hub.publish("bulk", "bulk", view);
    }
    this.#told = told;
  }
}
