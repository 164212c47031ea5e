/**
 * Whether LiveKit's server can be reached with our credentials, as last seen.
 *
 *   unknown → reachable ⇄ unreachable
 *
 * Checked every `intervalMs`; at once when somebody saw a sign of trouble (`suspect`); every second while it is away.
 */
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { ServerApi } from "./server_api.ts";
import type { CircuitState, ServerCircuit } from "./server_circuit.ts";

const AWAY_INTERVAL_MS = 1_000;

export interface LivekitHealthSnapshot {
  state: "unknown" | "reachable" | "unreachable";
  since: Date;
  checkedAt: Date | null;
  roundTripMs: number | null;
  error: string | null;
  remedy: string | null;
  /** Whether calls to the server API are sent (server_circuit.ts). */
  circuit: CircuitState;
}

export class LivekitHealth implements Service {
  readonly name = "livekit-health";
  readonly #checkHealth: ServerApi["checkHealth"];
  readonly #intervalMs: number;
  readonly #logger: Logger;
  readonly #circuit: Pick<ServerCircuit, "state"> | null;
  readonly #listeners = new Set<(isReachable: boolean) => void>();
  #snapshot: Omit<LivekitHealthSnapshot, "circuit"> = {
    state: "unknown",
    since: new Date(),
    checkedAt: null,
    roundTripMs: null,
    error: null,
    remedy: null,
  };
  readonly #alarm = new Alarm();

  constructor(
    options: {
      checkHealth: ServerApi["checkHealth"];
      intervalMs: number;
      logger: Logger;
      circuit?: Pick<ServerCircuit, "state">;
    },
  ) {
    this.#circuit = options.circuit ?? null;
    this.#checkHealth = options.checkHealth;
    this.#intervalMs = options.intervalMs;
    this.#logger = options.logger;
  }

  /** Unknown counts as reachable: a job's own connect tells soon enough. */
  get isReachable(): boolean {
    return this.#snapshot.state !== "unreachable";
  }

  snapshot(): LivekitHealthSnapshot {
    return { ...this.#snapshot, circuit: this.#circuit?.state ?? "closed" };
  }

  onChange(listener: (isReachable: boolean) => void): void {
    this.#listeners.add(listener);
  }

  /** A worker socket closed or a call failed: look now instead of at the next turn. */
  suspect(): void {
    this.#alarm.ring();
  }

  async start(): Promise<void> {
    await this.#check();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.wait(this.isReachable ? this.#intervalMs : AWAY_INTERVAL_MS, signal);
      if (!signal.aborted) await this.#check();
    }
  }

  async #check(): Promise<void> {
    const health = await this.#checkHealth();
    const now = new Date();
    const before = this.#snapshot;
    const state = health.ok ? "reachable" : "unreachable";
    const since = before.state === state ? before.since : now;
    this.#snapshot = health.ok
      ? { state, since, checkedAt: now, roundTripMs: health.elapsedMs, error: null, remedy: null }
      : { state, since, checkedAt: now, roundTripMs: null, error: health.error.message, remedy: health.error.remedy };
    if (before.state === state) return;
    if (health.ok) this.#logger.info("LiveKit is reachable", { roundTripMs: Math.round(health.elapsedMs) });
    else this.#logger.error("LiveKit is not reachable", { error: health.error.message, remedy: health.error.remedy });
    for (const listener of this.#listeners) listener(health.ok);
  }
}
