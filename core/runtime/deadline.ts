/** One moment by which something must have happened; setting it anew moves it. */
export class Deadline<Cause extends string> {
  readonly #onOver: (cause: Cause) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cause: Cause | null = null;
  #atMs = Infinity;

  constructor(onOver: (cause: Cause) => void) {
    this.#onOver = onOver;
  }

  set(limitMs: number, cause: Cause): void {
    this.clear();
    this.#atMs = performance.now() + limitMs;
    this.#cause = cause;
    this.#timer = setTimeout(() => this.#onOver(cause), limitMs);
  }

  /** Replaces a deadline of another cause; one of the same cause is only moved closer. */
  tighten(limitMs: number, cause: Cause): void {
    if (this.#cause !== cause || performance.now() + limitMs < this.#atMs) this.set(limitMs, cause);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#atMs = Infinity;
    this.#cause = null;
  }
}
