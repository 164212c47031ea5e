/**
 * Dead air, measured: one row per loss of an agent in a room, from its last sign of life to the moment that another attempt
 * is ready, or nobody will be. It counts only what somebody was there to hear.
 *
 * Writes of one dispatch keep their order. Losing one (no database) loses a measurement, never a recovery.
 */
import type { RecoveryResult } from "../agent/hooks.ts";
import type { Database } from "../../db/client.ts";
import { endLoss, giveUpLoss, insertLoss, type NewLoss } from "../../db/losses.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { Counter, exponentialBuckets, Histogram, type Metric } from "../telemetry/metrics.ts";

export interface LossRecorderOptions {
  database: Database;
  catalog: Pick<AgentCatalog, "find">;
  logger: Logger;
}

/** A dispatch whose agent was replaced, or will not be. */
export interface Recovered {
  dispatchId: string;
  jobId: string;
  agent: string;
  room: string;
  attempt: number;
  at: Date;
}

const HOOK_TIMEOUT_MS = 1_000;

export class LossRecorder {
  readonly #options: LossRecorderOptions;
  readonly #losses = new Counter("greenroom_losses_total", "Agents lost in their rooms, by cause.");
  readonly #deadAir = new Histogram(
    "greenroom_dead_air_seconds",
    "From an agent's loss to the next one's ready, while somebody was there.",
    exponentialBuckets(0.05, 2, 12),
  );
  readonly #writes = new Map<string, Promise<unknown>>();

  readonly metrics: readonly Metric[] = [this.#losses, this.#deadAir];

  constructor(options: LossRecorderOptions) {
    this.#options = options;
  }

  lost(loss: Omit<NewLoss, "id">): void {
    this.#inTurn(loss.dispatchId, async () => {
      const isNew = await insertLoss(this.#options.database, { id: uuidv7(loss.lostAt.getTime()), ...loss });
      if (isNew) this.#losses.add({ agent: loss.agent, cause: loss.cause });
    });
  }

  /** A further attempt is ready. */
  recovered(by: Recovered): void {
    this.#inTurn(by.dispatchId, async () => {
      const ended = await endLoss(this.#options.database, by.dispatchId, by.jobId, by.at);
      const deadAirMs = ended?.deadAirMs ?? null;
      if (deadAirMs !== null) this.#deadAir.observe({ agent: by.agent }, deadAirMs / 1_000);
      this.#options.logger.info("a lost agent is replaced", {
        ...{ dispatch: by.dispatchId, job: by.jobId, attempt: by.attempt, cause: ended?.cause ?? null, deadAirMs },
      });
      await this.#tell("onRecovered", by, ended?.cause ?? "an earlier attempt failed", deadAirMs);
    });
  }

  /** The dispatch has ended; if it was lost at that time, nobody will replace its agent. */
  ended(last: Recovered, hasFailed: boolean, reason: string): void {
    this.#inTurn(last.dispatchId, async () => {
      const wasLost = await giveUpLoss(this.#options.database, last.dispatchId, last.at);
      if (wasLost || hasFailed) await this.#tell("onRecoveryFailed", last, reason, null);
    });
  }

  /** Resolves when what was told so far is written. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes.values());
  }

  async #tell(
    hook: "onRecovered" | "onRecoveryFailed",
    { dispatchId, agent, room, attempt }: Recovered,
    reason: string,
    deadAirMs: number | null,
  ): Promise<void> {
    const entry = this.#options.catalog.find(agent);
    if (entry?.descriptor?.hooks[hook] !== true) return;
    const result: RecoveryResult = { dispatchId, room, attempt, reason, deadAirMs };
    const answer = await entry.hook(hook, result, HOOK_TIMEOUT_MS);
    if (!answer.ok) this.#options.logger.warn("a recovery hook failed", { agent, hook, reason: answer.reason });
  }

  #inTurn(dispatchId: string, write: () => Promise<void>): void {
    const turn = (this.#writes.get(dispatchId) ?? Promise.resolve()).then(write).catch((error) =>
      this.#options.logger.warn("a loss could not be recorded", { dispatch: dispatchId, error })
    ).finally(() => {
      if (this.#writes.get(dispatchId) === turn) this.#writes.delete(dispatchId);
    });
    this.#writes.set(dispatchId, turn);
  }
}
