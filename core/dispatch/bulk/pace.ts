/** Keeps a rate: one thing every 1 / perSecond, without catching up on what a hold has cost. Time comes in. */
export class Pace {
  readonly #everyMs: number;
  #nextAtMs = -Infinity;

  constructor(perSecond: number) {
    this.#everyMs = 1_000 / perSecond;
  }

  /** How long the next thing has to wait. */
  delayMs(nowMs: number): number {
    return Math.max(0, this.#nextAtMs - nowMs);
  }

  /** It begins now. */
  took(nowMs: number): void {
    // What timers are late by is made up for, unless it is a whole interval.
    const isOnTime = nowMs - this.#nextAtMs < this.#everyMs;
    this.#nextAtMs = (isOnTime ? this.#nextAtMs : nowMs) + this.#everyMs;
  }
}
