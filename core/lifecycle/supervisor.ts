/**
 * Starts services in order, restarts one that fails, stops all in reverse.
 *
 *   pending → starting → running → stopping → stopped
 *                ▲          │
 *                └ backing_off ◀┘  (start or run threw, or run returned too early)
 *
 * Guarantees: a service's `start` is called only after all before it have started once; a failed *first* start stops
 * the whole (the program can't do its work), a later failure only restarts that service, with full-jitter back-off;
 * `stop` aborts services one after another, last started first, and waits for each at most `stopTimeoutMs`.
 */
import type { Logger } from "./logger.ts";
import type { Service } from "./service.ts";

export type ServiceState = "pending" | "starting" | "running" | "backing_off" | "stopping" | "stopped";

export interface ServiceStatus {
  name: string;
  state: ServiceState;
  /** In a row: one that has run for `steadyAfterMs` since counts from 0 again. */
  restarts: number;
  lastError: string | null;
  /** When the present state began. */
  since: Date;
}

export interface SupervisorOptions {
  logger: Logger;
  /** Upper bound of waiting for one service to stop. */
  stopTimeoutMs: number;
  restartFirstMs?: number;
  restartMaxMs?: number;
  /** A service that ran for so long is well again. */
  steadyAfterMs?: number;
  now?: () => Date;
  random?: () => number;
}

interface Entry {
  service: Service;
  controller: AbortController;
  status: ServiceStatus;
  done: Promise<void>;
}

const STEADY = { steadyAfterMs: 60_000, now: () => new Date() };

export class Supervisor {
  readonly #options: Required<SupervisorOptions>;
  readonly #entries: Entry[] = [];
  #stopping: Promise<void> | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = { restartFirstMs: 200, restartMaxMs: 10_000, ...STEADY, random: Math.random, ...options };
  }

  /** Starts `service` and keeps it running. Throws what its first `start` threw. */
  async add(service: Service): Promise<void> {
    if (this.#stopping) throw new Error(`Cannot start ${service.name}: the supervisor is stopping`);
    const status: ServiceStatus = {
      name: service.name,
      state: "starting",
      restarts: 0,
      lastError: null,
      since: this.#options.now(),
    };
    const entry: Entry = { service, controller: new AbortController(), status, done: Promise.resolve() };
    this.#entries.push(entry);
    const started = (async () => await service.start?.(entry.controller.signal))();
    // `stop` waits for a start that is under way, and lets `run` clean up after it.
    entry.done = started.then(() => this.#keepRunning(entry), () => {}); // a failure is thrown below
    try {
      await started;
    } catch (error) {
      this.#move(status, "stopped", error);
      throw error;
    }
  }

  statuses(): ServiceStatus[] {
    return this.#entries.map(({ status }) => ({ ...status, restarts: this.#restartsOf(status) }));
  }

  /** Stops all services in reverse order; later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  #restartsOf({ state, since, restarts }: ServiceStatus): number {
    const { now, steadyAfterMs } = this.#options;
    return state === "running" && now().getTime() - since.getTime() >= steadyAfterMs ? 0 : restarts;
  }

  #move(status: ServiceStatus, state: ServiceState, error?: unknown): void {
    status.restarts = this.#restartsOf(status);
    status.state = state;
    status.since = this.#options.now();
    if (error !== undefined) status.lastError = error instanceof Error ? error.message : String(error);
  }

  async #stopAll(): Promise<void> {
    for (const entry of this.#entries.toReversed()) {
      if (entry.status.state === "stopped") continue;
      this.#move(entry.status, "stopping");
      entry.controller.abort(new DOMException("stopping", "AbortError"));
      const stopped = await settlesWithin(entry.done, this.#options.stopTimeoutMs);
      if (!stopped) this.#options.logger.error("service did not stop in time", { service: entry.service.name });
      this.#move(entry.status, "stopped");
    }
  }

  async #keepRunning(entry: Entry): Promise<void> {
    const { service, controller: { signal }, status } = entry;
    for (;;) {
      try {
        this.#move(status, "running");
        await service.run(signal);
        if (signal.aborted) return;
        throw new Error(`${service.name} ended by itself`);
      } catch (error) {
        if (signal.aborted) {
          this.#options.logger.warn("service failed while stopping", { service: service.name, error });
          return;
        }
        await this.#backOff(entry, error);
        if (signal.aborted) return;
      }
    }
  }

  /** Waits, then calls `start` again, until it succeeds or the service is stopped. */
  async #backOff({ service, controller: { signal }, status }: Entry, cause: unknown): Promise<void> {
    for (let failure = cause;;) {
      this.#move(status, "backing_off", failure);
      status.restarts += 1;
      const { restartFirstMs, restartMaxMs, random, logger } = this.#options;
      const waitMs = random() * Math.min(restartMaxMs, restartFirstMs * 2 ** Math.min(status.restarts - 1, 20));
      logger.error("service failed; restarting", {
        service: service.name,
        restarts: status.restarts,
        waitMs: Math.round(waitMs),
        error: failure,
      });
      await abortableWait(waitMs, signal);
      if (signal.aborted) return;
      try {
        this.#move(status, "starting");
        await service.start?.(signal);
        return;
      } catch (error) {
        failure = error;
      }
    }
  }
}

/** Resolves after `ms` or when `signal` aborts, whichever is first. */
export function abortableWait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** True when `promise` settles within `ms`; it is never left unhandled. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  const settled = promise.then(() => true, () => true);
  const inTime = await Promise.race([settled, late]);
  clearTimeout(timer);
  return inTime;
}
