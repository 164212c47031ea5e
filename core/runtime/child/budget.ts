/** Time that several steps share. It can be made shorter while it runs (the parent died), never longer. */
export class Budget {
  /** Resolves when the time is over. */
  readonly spent: Promise<void>;
  #isSpent = false;
  #endsAtMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #resolve: () => void;

  constructor(limitMs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.spent = promise;
    this.#resolve = resolve;
    this.shortenTo(limitMs);
  }

  get isSpent(): boolean {
    return this.#isSpent;
  }

  get remainingMs(): number {
    return Math.max(0, this.#endsAtMs - performance.now());
  }

  /** From now at most `limitMs` are left. */
  shortenTo(limitMs: number): void {
    const endsAtMs = performance.now() + limitMs;
    if (endsAtMs >= this.#endsAtMs) return;
    this.#endsAtMs = endsAtMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), limitMs);
  }

  /** Frees the timer when the time is no longer needed. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #end(): void {
    this.#isSpent = true;
    this.#resolve();
  }
}
