/**
 * Requests whose storing got no answer from the database: the caller was told 503, and whether they were stored is not
 * known. Callers ask again, so what was stored all the same is cancelled when the database is back, or two agents would
 * join. A request with an idempotency key, or of a rule, is kept: asking again finds it.
 *
 * A server that was frozen executes what it had received when it goes on, so they are looked for during KEEP_MS.
 */
import type { OnceKey } from "../../db/dispatches.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { CancelResult } from "./cancel_here.ts";

export interface UnconfirmedRequestsOptions {
  cancel: (dispatchId: string, actor: string) => Promise<CancelResult>;
  /** Whether the database is known to be away. */
  isAway: () => boolean;
  actor: string;
  logger: Logger;
  nowMs?: () => number;
}

const LOOK_EVERY_MS = 500;
/** With the database there. */
const KEEP_MS = 30_000;
/** More are not remembered: what was stored of them runs. */
const MAX_REQUESTS = 10_000;

export class UnconfirmedRequests implements Service {
  readonly name = "unconfirmed-requests";
  readonly #options: UnconfirmedRequestsOptions;
  readonly #nowMs: () => number;
  readonly #alarm = new Alarm();
  /** Dispatch ids, and since when the database has been there without them; null: not looked for yet. */
  readonly #waiting = new Map<string, number | null>();

  constructor(options: UnconfirmedRequestsOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  has(dispatchId: string): boolean {
    return this.#waiting.has(dispatchId);
  }

  /** The database gave no answer to the statement that stores this dispatch. */
  add(dispatchId: string, once: OnceKey | null): void {
    if (once === null && this.#waiting.size < MAX_REQUESTS) this.#waiting.set(dispatchId, null);
  }

  /** The database is back. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.wait(LOOK_EVERY_MS, signal);
      if (this.#options.isAway()) continue;
      await this.look().catch((error) =>
        this.#options.logger.debug("unconfirmed requests could not be looked for", { error })
      );
    }
  }

  /** One look at all of them. Throws what the database throws. */
  async look(): Promise<void> {
    const { cancel, actor, logger } = this.#options;
    for (const [id, since] of this.#waiting) {
      const cancelled = await cancel(id, actor);
      if (cancelled.ok) {
        logger.warn("a request that had been refused without the database was stored: cancelled", { dispatch: id });
        this.#waiting.delete(id);
        continue;
      }
      // Placed here, and nothing runs: the reconciler ends it, and asks here.
      if (cancelled.refusal.code === "owned_elsewhere") continue;
      this.#waiting.set(id, since ?? this.#nowMs());
      if (since !== null && this.#nowMs() - since > KEEP_MS) this.#waiting.delete(id);
    }
  }
}
