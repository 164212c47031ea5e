/**
 * Watches one job from outside, for what it may fail to do:
 *
 *   entered ─▶ connected within `neverConnectedMs`, else flag never_connected
 *           └▶ ended within its time limit and BACKSTOP_MS, else `onDeadline`: the job was to end by itself and did not
 *   connected ─▶ ready within `neverReadyMs`, when readiness is explicit, else flag never_ready
 *
 * A flag changes nothing about the job: an agent may have its reasons. Each is raised at most once.
 */
export type WatchFlag = "never_connected" | "never_ready";

export interface JobWatchLimits {
  /** From entry to connected. */
  neverConnectedMs: number;
  /** From connected to ready. */
  neverReadyMs: number;
}

export interface JobWatchOptions {
  plan: { timeoutMs: number | null; readiness: "connected" | "explicit" };
  limits: JobWatchLimits;
  onFlag(flag: WatchFlag, message: string): void;
  onDeadline(): void;
}

/** What a job may take beyond its time limit, which it keeps by itself, before it is told from outside. */
const BACKSTOP_MS = 1_000;

export class JobWatch {
  readonly #options: JobWatchOptions;
  #stage: ReturnType<typeof setTimeout> | undefined;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  constructor(options: JobWatchOptions) {
    this.#options = options;
  }

  entered(): void {
    const { plan: { timeoutMs }, limits: { neverConnectedMs }, onFlag, onDeadline } = this.#options;
    if (timeoutMs !== null) this.#deadline = setTimeout(onDeadline, timeoutMs + BACKSTOP_MS);
    const message = `The agent did not connect to its room within ${neverConnectedMs / 1_000} s`;
    this.#stage = setTimeout(() => onFlag("never_connected", message), neverConnectedMs);
  }

  connected(): void {
    clearTimeout(this.#stage);
    const { plan: { readiness }, limits: { neverReadyMs }, onFlag } = this.#options;
    if (readiness !== "explicit") return;
    const message = `The agent connected but did not say that it is ready within ${neverReadyMs / 1_000} s`;
    this.#stage = setTimeout(() => onFlag("never_ready", message), neverReadyMs);
  }

  ready(): void {
    clearTimeout(this.#stage);
  }

  ended(): void {
    clearTimeout(this.#stage);
    clearTimeout(this.#deadline);
  }
}
