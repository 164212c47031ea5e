/**
 * Leadership: work that one instance does for the whole fleet (sweeps, polling of rooms, rules).
 *
 *   follows ──takes the lease (free, or run out)──▶ leads ──can't renew before it runs out, or stops──▶ follows
 *
 * The lease lives in the database, on its time, for LEASE_MS; it is renewed every RENEW_EVERY_MS. By our own clock it ends
 * MARGIN_MS early, counted from before the statement was sent, so that two instances never both think that they lead. What
 * a leader does must be harmless all the same when it was paused in the middle: it is guarded in SQL.
 */
import type { Database } from "../../db/client.ts";
import { holdLease, releaseLease } from "../../db/leases.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";

export interface LeadershipOptions {
  database: Database;
  /** What is led: one lease each. */
  work: string;
  instanceId: string;
  logger: Logger;
  nowMs?: () => number;
}

const LEASE_MS = 6_000;
const RENEW_EVERY_MS = 2_000;
const MARGIN_MS = 1_000;

export class Leadership implements Service {
  readonly name: string;
  readonly #options: LeadershipOptions;
  readonly #nowMs: () => number;
  #untilMs = -Infinity;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.name = `leadership-${options.work}`;
  }

  get isLeader(): boolean {
    return this.#nowMs() < this.#untilMs;
  }

  async start(): Promise<void> {
    await this.renew();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { database, work, instanceId, logger } = this.#options;
    await runEvery({
      everyMs: RENEW_EVERY_MS,
      signal,
      task: () => this.renew(),
      onError: (error) => logger.warn("could not renew the leadership", { work, error }),
    });
    const hasLed = this.isLeader;
    this.#untilMs = -Infinity;
    if (!hasLed) return;
    await releaseLease(database, work, instanceId).catch((error) =>
      logger.warn("could not give up the leadership; another instance takes it when the lease ends", { work, error })
    );
  }

  /** Takes or renews the lease now. Throws what the database throws. */
  async renew(): Promise<void> {
    const { database, work, instanceId, logger } = this.#options;
    const wasLeader = this.isLeader;
    const askedAtMs = this.#nowMs();
    const token = await holdLease(database, work, instanceId, LEASE_MS);
    this.#untilMs = token === null ? -Infinity : askedAtMs + LEASE_MS - MARGIN_MS;
    if (this.isLeader !== wasLeader) logger.info(this.isLeader ? "leads from now on" : "leads no more", { work });
  }
}
