/**
 * The figures beside the navigation, the same for every viewer: read at most every FRESH_MS, and told to those who listen
 * to `counts` when they changed, and every REPEAT_MS for those who missed that.
 */
import type { Database } from "../../db/client.ts";
import { countUnretriedFailures } from "../../db/recovery_counts.ts";
import type { Admission } from "../capacity/admission.ts";
import type { FleetDirectory, OtherAgent } from "../coordination/fleet_directory.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { Hub } from "../updates/hub.ts";
import type { WorkerFleet } from "../worker/worker_fleet.ts";
import type { RoomWatch } from "./room_board.ts";

const FRESH_MS = 1_500;
const WATCH_EVERY_MS = 2_000;
const REPEAT_MS = 10_000;
const HOUR_MS = 3_600_000;
/** More are shown as "99+". */
export const MAX_TO_RECOVER = 100;

export interface NavigationCounts {
  /** Live calls, and workers, of the fleet; null: an instance is silent, so they are not known. */
  live: number | null;
  workers: number | null;
  /** Null: not known. */
  rooms: number | null;
  /** Failed dispatches of the last hour that were not retried yet, at most MAX_TO_RECOVER; null: not known. */
  toRecover: number | null;
}

interface Options {
  database: Database;
  admission: Admission;
  workers: WorkerFleet;
  /** The other instances. */
  directory: Pick<FleetDirectory, "others">;
  rooms: RoomWatch;
  hub: Hub;
  logger: Logger;
}

export class NavigationCounter implements Service {
  readonly name = "navigation-counts";
  readonly #options: Options;
  #failures: { count: Promise<number | null>; readAtMs: number } | null = null;
  #rooms: number | null = null;
  #told = { text: "", atMs: -Infinity };

  constructor(options: Options) {
    this.#options = options;
  }

  /** Never throws and does not wait for LiveKit: what can't be told is null. */
  async read(): Promise<NavigationCounts> {
    const { admission, workers, directory } = this.#options;
    const toRecover = await this.#countFailures();
    const elsewhere = directory.others().flatMap(({ agents }) => agents);
    const sum = (own: number, each: (agent: OtherAgent) => number) =>
      elsewhere.some(({ isStale }) => isStale) ? null : elsewhere.reduce((total, agent) => total + each(agent), own);
    return {
      live: sum(admission.snapshot().used, ({ used }) => used),
      workers: sum(workers.list().length, ({ worker }) => worker === null ? 0 : 1),
      ...{ rooms: this.#rooms, toRecover },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { hub, logger, rooms } = this.#options;
    const task = async () => {
      if (!hub.hasSubscribers("counts")) return;
      this.#rooms = await rooms.count();
      const counts = await this.read();
      const text = JSON.stringify(counts);
      if (text === this.#told.text && performance.now() - this.#told.atMs < REPEAT_MS) return;
      this.#told = { text, atMs: performance.now() };
      hub.publish("counts", "counts", counts);
    };
    const onError = (error: unknown) => logger.error("the navigation's figures could not be told", { error });
    await runEvery({ everyMs: WATCH_EVERY_MS, signal, task, onError });
  }

  #countFailures(): Promise<number | null> {
    if (this.#failures && performance.now() - this.#failures.readAtMs < FRESH_MS) return this.#failures.count;
    const { database, logger } = this.#options;
    const since = new Date(Date.now() - HOUR_MS);
    const count = countUnretriedFailures(database, since, MAX_TO_RECOVER).catch((error) => {
      logger.debug("failures could not be counted", { error });
      return null;
    });
    this.#failures = { count, readAtMs: performance.now() };
    return count;
  }
}
