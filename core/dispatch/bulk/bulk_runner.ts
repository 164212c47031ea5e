/**
 * Works bulk operations off, item by item and no faster than each may go.
 *
 *   stored ──claim──▶ ours: next item → done | failed | skipped → … → ended
 *             ▲          │
 *             └─ gone ◀──┘  (this instance stops: given up at once; dies: free when its row has ended)
 *
 * Guarantees: an item's result is noted once. What it did is done once, although an instance may die between doing and
 * noting: dispatches are made under a key of the item (`bulk:<operation>:<position>`, kept KEY_KEPT_MS), so that the next
 * instance gets the same dispatch; cancelling twice is cancelling once. An instance that was taken for dead and comes back
 * finds that the operation is another's before its next item. An aborted operation does no further item.
 *
 * A full queue or a rate limit makes it hold and try the same item again. An item that throws MAX_TRIES times has failed.
 */
import { findNextBulkItem, findRetryInTheWay, recordBulkItem, type WaitingBulkItem } from "../../../db/bulk_items.ts";
import {
  claimBulkOperations,
  type ClaimedBulkOperation,
  finishBulkOperation,
  releaseBulkOperations,
} from "../../../db/bulk_operations.ts";
import type { Database } from "../../../db/client.ts";
import type { Origin } from "../../../db/schema/states.ts";
import { Alarm } from "../../lifecycle/alarm.ts";
import type { Logger } from "../../lifecycle/logger.ts";
import type { Service } from "../../lifecycle/service.ts";
import { abortableWait } from "../../lifecycle/supervisor.ts";
import type { Dispatcher, Requester, WaitFor } from "../dispatcher.ts";
import { dispatchRequestSchema } from "../dispatch_request.ts";
import { done, failed, type ItemOutcome, outcomeOfCancel, outcomeOfRequest, skipped } from "./item_result.ts";
import { Pace } from "./pace.ts";

/** Operations that one instance works on at once. */
const MAX_AT_ONCE = 5;
const POLL_MS = 2_000;
const KEY_KEPT_MS = 7 * 86_400_000;
const MAX_HOLD_MS = 10_000;
const MAX_TRIES = 3;
const TRY_AGAIN_MS = 1_000;
const NO_WAIT: WaitFor = { wait: "none", waitMs: 1, onWaitTimeout: "continue" };

export interface BulkRunnerOptions {
  database: Database;
  instanceId: string;
  dispatcher: Pick<Dispatcher, "request" | "retry" | "cancel">;
  /** Something of an operation has changed. */
  onChange: () => void;
  logger: Logger;
  nowMs?: () => number;
  pollMs?: number;
  /** Longest wait before an item that can't be done now is tried again. */
  maxHoldMs?: number;
}

type Step =
  | { kind: "over" }
  | { kind: "held" }
  | { kind: "threw"; error: unknown }
  | { kind: "noted"; position: number };

export class BulkRunner implements Service {
  readonly name = "bulk-runner";
  readonly #options: BulkRunnerOptions;
  readonly #nowMs: () => number;
  readonly #alarm = new Alarm();
  readonly #working = new Map<string, Promise<void>>();

  constructor(options: BulkRunnerOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Looks for operations to work on soon. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { database, instanceId, logger, pollMs = POLL_MS } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#claim(signal);
      } catch (error) {
        logger.warn("could not look for bulk operations; trying again", { error });
      }
      await this.#alarm.wait(pollMs, signal);
    }
    await Promise.all(this.#working.values());
    await releaseBulkOperations(database, instanceId).catch((error) =>
      logger.warn("could not give up the bulk operations; another instance takes them when this one has ended", {
        error,
      })
    );
  }

  async #claim(signal: AbortSignal): Promise<void> {
    const { database, instanceId, logger, onChange } = this.#options;
    const room = MAX_AT_ONCE - this.#working.size;
    if (room <= 0) return;
    for (const operation of await claimBulkOperations(database, instanceId, room)) {
      logger.info("works on a bulk operation", { operation: operation.id, kind: operation.kind });
      const work = this.#work(operation, signal).finally(() => {
        this.#working.delete(operation.id);
        onChange();
        this.wake();
      });
      this.#working.set(operation.id, work);
    }
  }

  /** Never rejects. */
  async #work(operation: ClaimedBulkOperation, signal: AbortSignal): Promise<void> {
    const { onChange, logger } = this.#options;
    const pace = new Pace(operation.itemsPerSecond);
    let [after, tries] = [-1, 0];
    while (!signal.aborted) {
      try {
        const step = await this.#step(operation, after, pace, tries >= MAX_TRIES, signal);
        if (step.kind === "over") return;
        if (step.kind === "threw") {
          tries += 1;
          const { error } = step;
          logger.warn("an item of a bulk operation went wrong; trying again", {
            operation: operation.id,
            tries,
            error,
          });
          await abortableWait(TRY_AGAIN_MS, signal);
          continue;
        }
        tries = 0;
        if (step.kind === "held") continue;
        after = step.position;
        onChange();
      } catch (error) {
        // The database is away: that is nobody's try.
        logger.warn("a bulk operation can't go on; trying again", { operation: operation.id, error });
        await abortableWait(TRY_AGAIN_MS, signal);
      }
    }
  }

  /** One item: waits until it may be done, does it, notes the result. */
  async #step(
    operation: ClaimedBulkOperation,
    after: number,
    pace: Pace,
    isGivenUp: boolean,
    signal: AbortSignal,
  ): Promise<Step> {
    const { database, instanceId, logger, maxHoldMs = MAX_HOLD_MS } = this.#options;
    await abortableWait(pace.delayMs(this.#nowMs()), signal);
    if (signal.aborted) return { kind: "over" };
    const item = await findNextBulkItem(database, operation.id, instanceId, after);
    if (!item) {
      await finishBulkOperation(database, operation.id, instanceId);
      return { kind: "over" };
    }
    pace.took(this.#nowMs());
    const outcome = isGivenUp
      ? failed("unexpected", "It could not be done; see the instance's log.")
      : await this.#do(operation, item).catch((error: unknown) => ({ kind: "threw" as const, error }));
    if (outcome.kind === "threw") return outcome;
    if (outcome.kind === "hold") {
      logger.debug("a bulk operation holds", { operation: operation.id, code: outcome.code });
      await abortableWait(Math.min(outcome.retryAfterMs, maxHoldMs), signal);
      return { kind: "held" };
    }
    await recordBulkItem(database, operation.id, item.position, outcome.result);
    return { kind: "noted", position: item.position };
  }

  async #do(operation: ClaimedBulkOperation, item: WaitingBulkItem): Promise<ItemOutcome> {
    const { dispatcher, database } = this.#options;
    const { kind, actor } = operation;
    const key = `bulk:${operation.id}:${item.position}`;
    const { origin } = JSON.parse(operation.request) as { origin: Origin };
    const requester: Requester = { actor, origin, traceparent: null, once: { key, keepMs: KEY_KEPT_MS } };
    const { dispatchId } = item;
    if (kind === "create" || dispatchId === null) {
      const request = dispatchRequestSchema.parse(JSON.parse(item.request ?? "null"));
      return outcomeOfRequest(await dispatcher.request(request, requester, NO_WAIT));
    }
    if (kind === "cancel") return outcomeOfCancel(await dispatcher.cancel(dispatchId, actor));
    const other = await findRetryInTheWay(database, dispatchId, new Date(operation.createdAtMs), key);
    if (other) return other.isOwn ? done(other.id) : skipped("retry_under_way");
    return outcomeOfRequest(await dispatcher.retry(dispatchId, undefined, requester, NO_WAIT));
  }
}
