/**
 * Knows whether the database is there, for the whole program, so that nothing waits for it in vain:
 *
 *   present ──no answer to a probe──▶ away since … ──an answer over a new connection──▶ present
 *
 * - Present: a probe (`select 1` on a connection of its own) every PRESENT_EVERY_MS, and at once when somebody sees a sign
 *   of trouble (`suspect`): a request that takes long, a statement that failed. A probe without an answer for the limit
 *   means away. The limit is `silenceMs`, or twice the slowest round trip of late, if the database is that slow. A
 *   connection that is cut is tried once more anew: it may have been this one alone.
 * - Away: the pool is shut (db/client.ts): statements on their way are given up and new ones fail at once, so that requests
 *   get their 503 and changes of jobs go to the spool. Every AWAY_EVERY_MS a new connection is tried; its first answer
 *   opens the pool again.
 * - This process standing still is no sign: a probe whose timer fired late is waited for once more. Nor is a probe that is
 *   late while other statements are answered: then the machine is busy.
 */
import type { Database } from "../../db/client.ts";
import { databaseAway, type DatabaseProblem } from "../../db/database_error.ts";
import { type DatabaseProbe, probeDatabase } from "../../db/database_probe.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";

const PRESENT_EVERY_MS = 1_000;
const AWAY_EVERY_MS = 250;
/** Longest limit of a slow database, unless `silenceMs` is longer. */
const MAX_SILENCE_MS = 5_000;
/** A new connection takes several round trips: TCP, the password's two, settings, types, and the probe. */
const CONNECT_MS = 3_000;
const CONNECT_ROUND_TRIPS = 5;
const SLOW_FACTOR = 2;
/** How much of the slowest round trip is remembered at the next one. */
const MEMORY = 0.7;
const LATE_MS = 150;
const MAX_WAITS = 3;

const SILENT: DatabaseProblem = {
  code: "timeout",
  message: "It does not answer.",
  remedy: "Check that its machine and the network to it are up, and its load.",
};

export interface DatabaseWatchOptions {
  database: Pick<Database, "dedicated" | "shut" | "open" | "warm" | "answeredAtMs">;
  /** Silence that means away. */
  silenceMs: number;
  logger: Logger;
  now?: () => Date;
}

export class DatabaseWatch implements Service {
  readonly name = "database-watch";
  readonly #options: DatabaseWatchOptions;
  readonly #probe: DatabaseProbe;
  readonly #alarm = new Alarm();
  readonly #listeners = new Set<(isAway: boolean) => void>();
  #away: { since: Date; problem: DatabaseProblem } | null = null;
  #slowestMs = 0;

  constructor(options: DatabaseWatchOptions) {
    this.#options = options;
    this.#probe = probeDatabase(options.database);
  }

  /** Since when it is away; null when it is there. */
  get awaySince(): Date | null {
    return this.#away?.since ?? null;
  }

  /** What is known of it while it is away. */
  get problem(): DatabaseProblem | null {
    return this.#away?.problem ?? null;
  }

  /** Called with true when it goes away, with false when it is back; must not throw. */
  onChange(listener: (isAway: boolean) => void): void {
    this.#listeners.add(listener);
  }

  /** Something takes long, or failed: look now. */
  suspect(): void {
    if (this.#away === null) this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.look();
        await this.#alarm.wait(this.#away ? AWAY_EVERY_MS : PRESENT_EVERY_MS, signal);
      }
    } finally {
      this.#probe.drop();
    }
  }

  /** One look. */
  async look(): Promise<void> {
    const cause = this.#away ? await this.#ask(true) : await this.#lookWhilePresent();
    if (cause === null) this.#isBack();
    else this.#isAway(cause);
  }

  async #lookWhilePresent(): Promise<DatabaseProblem | null> {
    const problem = await this.#ask(!this.#probe.isConnected);
    return problem === null || problem === SILENT ? problem : await this.#ask(true);
  }

  async #ask(isNew: boolean): Promise<DatabaseProblem | null> {
    const { silenceMs } = this.#options;
    const limitMs = isNew
      ? Math.max(CONNECT_MS, silenceMs)
      : Math.max(silenceMs, Math.min(SLOW_FACTOR * this.#slowestMs, MAX_SILENCE_MS));
    const askedAtMs = performance.now();
    const answer = this.#probe.ask(isNew);
    for (let waits = 0; waits < MAX_WAITS; waits++) {
      const waitedFromMs = performance.now();
      if (await settlesWithin(answer, limitMs)) {
        const roundTripMs = (performance.now() - askedAtMs) / (isNew ? CONNECT_ROUND_TRIPS : 1);
        this.#slowestMs = Math.max(roundTripMs, MEMORY * this.#slowestMs);
        return await answer;
      }
      const stoodStill = performance.now() - waitedFromMs >= limitMs + LATE_MS;
      if (!stoodStill && !this.#answersOthers(limitMs)) break;
    }
    this.#probe.drop();
    return this.#answersOthers(limitMs) ? null : SILENT;
  }

  /** Whether some statement was answered within this time. */
  #answersOthers(withinMs: number): boolean {
    return performance.now() - this.#options.database.answeredAtMs < withinMs;
  }

  #isAway(cause: DatabaseProblem): void {
    const { database, logger, now = () => new Date() } = this.#options;
    const isNews = this.#away === null;
    const since = this.#away?.since ?? now();
    const problem = databaseAway(since, cause);
    this.#away = { since, problem };
    database.shut(problem);
    if (!isNews) return;
    logger.error("the database is away: new requests are refused until it is back", { error: cause.message });
    for (const listener of this.#listeners) listener(true);
  }

  #isBack(): void {
    if (this.#away === null) return;
    const { database, logger, now = () => new Date() } = this.#options;
    const awayMs = now().getTime() - this.#away.since.getTime();
    this.#away = null;
    database.open();
    database.warm().catch((error) => {
      logger.debug("the pool could not be opened", { error });
      this.suspect();
    });
    logger.info("the database answers again", { awayMs });
    for (const listener of this.#listeners) listener(false);
  }
}
