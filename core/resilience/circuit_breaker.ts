/**
 * Circuit breaker around calls to a server: after `threshold` failures in a row nothing is sent for `pauseMs`, then one
 * call tries.
 *
 *   closed ──threshold failures in a row──▶ open ──pauseMs──▶ half_open ──success──▶ closed
 *                                            ▲                    └──failure──▶ open
 *
 * A call that is not allowed fails at once with `refusal`. Only failures for which `counts` is true count: a request that
 * the server refuses as wrong says that the server is well.
 */

export type CircuitState = "closed" | "open" | "half_open";

export interface CircuitOptions {
  threshold: number;
  pauseMs: number;
  /** Whether this failure says that the server is not well. */
  counts: (error: unknown) => boolean;
  /** What a call fails with that is not allowed. */
  refusal: (retryAfterMs: number) => Error;
  onChange?: (state: CircuitState) => void;
  nowMs?: () => number;
}

export class CircuitBreaker {
  readonly #options: CircuitOptions;
  readonly #nowMs: () => number;
  #state: CircuitState = "closed";
  #failures = 0;
  #openedAtMs = 0;

  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Runs the call, if it is allowed. Throws what the call throws, or the refusal. */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#admit();
    return await this.probe(call);
  }

  /** Runs the call whatever the state, and takes its outcome as `run` does: for a check that is made anyway. */
  async probe<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      const result = await call();
      this.#succeeded();
      return result;
    } catch (error) {
      if (this.#options.counts(error)) this.#failed();
      else this.#succeeded();
      throw error;
    }
  }

  #admit(): void {
    if (this.#state === "closed") return;
    const leftMs = this.#openedAtMs + this.#options.pauseMs - this.#nowMs();
    if (this.#state === "half_open" || leftMs > 0) throw this.#options.refusal(Math.max(1, Math.ceil(leftMs)));
    this.#move("half_open");
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#move("closed");
  }

  #failed(): void {
    this.#failures += 1;
    if (this.#state === "closed" && this.#failures < this.#options.threshold) return;
    this.#openedAtMs = this.#nowMs();
    this.#move("open");
  }

  #move(state: CircuitState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onChange?.(state);
  }
}
