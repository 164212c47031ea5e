/**
 * Tells when many jobs are being offered at once. Each offer must be answered within 250 ms, and starting a job holds the
 * event loop for milliseconds: in a rush, starts wait until the offers are answered, but never for long. Alone, a job
 * never waits. One per instance, because all its workers share the event loop.
 */

/** So many offers within RUSH_WITHIN_MS are a rush. */
const RUSH_OFFERS = 8;
const RUSH_WITHIN_MS = 50;
const MAX_HOLD_MS = 200;
const LOOK_EVERY_MS = 10;

/** @param offeredAtMs times of the latest offers, oldest first. */
export function isRush(offeredAtMs: readonly number[], nowMs: number): boolean {
  const oldest = offeredAtMs.at(-RUSH_OFFERS);
  return oldest !== undefined && nowMs - oldest <= RUSH_WITHIN_MS;
}

export class OfferRush {
  #offeredAtMs: number[] = [];

  noteOffer(nowMs = performance.now()): void {
    this.#offeredAtMs.push(nowMs);
    if (this.#offeredAtMs.length > RUSH_OFFERS) this.#offeredAtMs.shift();
  }

  /** Resolves when there is no rush, at once or after MAX_HOLD_MS at the latest. */
  async calm(): Promise<void> {
    const startedAtMs = performance.now();
    for (let nowMs = startedAtMs; nowMs - startedAtMs < MAX_HOLD_MS; nowMs = performance.now()) {
      if (!isRush(this.#offeredAtMs, nowMs)) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
