/**
 * Publishes `fleet` when slots, workers or LiveKit changed: soon after a `touch`, at most every MIN_INTERVAL_MS, and only
 * what differs from what was published last. Changes that nobody reports (a slot that got warm) are found by looking.
 * While nobody listens nothing is computed.
 */
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { Hub } from "./hub.ts";

/** A change comes amid a dispatch; the picture is taken when that has got on. */
const SETTLE_MS = 40;
const MIN_INTERVAL_MS = 500;

export class FleetUpdates implements Service {
  readonly name = "fleet-updates";
  readonly #hub: Hub;
  readonly #snapshot: () => Record<string, unknown>;
  readonly #logger: Logger;
  readonly #alarm = new Alarm();
  #published = "";

  constructor(options: { hub: Hub; snapshot: () => Record<string, unknown>; logger: Logger }) {
    this.#hub = options.hub;
    this.#snapshot = options.snapshot;
    this.#logger = options.logger;
  }

  /** Something has changed. Cheap: may be called from the middle of anything. */
  touch(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.wait(MIN_INTERVAL_MS, signal);
      await abortableWait(SETTLE_MS, signal);
      if (signal.aborted || !this.#hub.hasSubscribers("fleet")) continue;
      if (this.publishIfChanged()) await abortableWait(MIN_INTERVAL_MS - SETTLE_MS, signal);
    }
  }

  /** True when there was something new. */
  publishIfChanged(): boolean {
    try {
      const snapshot = this.#snapshot();
      const text = JSON.stringify(snapshot);
      if (text === this.#published) return false;
      this.#published = text;
      this.#hub.publish("fleet", "fleet", { at: new Date().toISOString(), ...snapshot });
      return true;
    } catch (error) {
      this.#logger.error("could not publish the state of slots and workers", { error });
      return false;
    }
  }
}
