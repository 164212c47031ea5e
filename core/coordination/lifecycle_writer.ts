/**
 * Writes the changes of running jobs: many at once, in order, and never lost while the database is away.
 *
 *   present ──a write finds no database──▶ away (everything goes to the spool) ──spool replayed and empty──▶ present
 *
 * - Present: a change is written at once when nothing is in flight; what comes meanwhile is gathered and written together
 *   (group commit: one statement, one fsync). Two changes of one dispatch never share a statement, and keep their order.
 * - Away: changes are appended to the spool, in order, and count as "spooled"; the job goes on. The spool is tried again
 *   every RETRY_EVERY_MS, from its first entry, under the same guards. A start with a filled spool begins away.
 * - A refused change is looked up before it counts as refused: an earlier try may have been applied whose answer was lost.
 * - A database that takes no writes (full, read-only after a fail-over) counts as away too.
 * - A statement that takes longer than `timeoutMs` counts as no database. It may still be applied: see above.
 * - The queue is bounded by MAX_PENDING; beyond, and when the spool is full, changes are refused loudly.
 * - Checkpoints that jobs save meanwhile wait in the spool too, in order.
 * - A job that LiveKit assigned while the database was away is placed by an entry of its own, before its changes. When its
 *   guards refuse it, whoever runs it is told (`onPlacingRefused`), and its changes are refused too.
 */
import type { Database } from "../../db/client.ts";
import { describeDatabaseError } from "../../db/database_error.ts";
import { applyJobChanges, areJobChangesApplied, type JobChange } from "../../db/job_changes.ts";
import { type CheckpointChange, saveCheckpoint } from "../../db/checkpoints.ts";
import { type JobPlacing, storeOutagePlacing } from "../../db/outage_placements.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { Spool } from "./spool.ts";
import { fromSpooled, isSingle, type LifecycleChange, type SpooledChange, toSpooled } from "./spooled_change.ts";

/** written: it is in the database · refused: the job has moved on · spooled: it will be, in order · lost: no room for it. */
export type WriteResult = "written" | "refused" | "spooled" | "lost";

export interface LifecycleWriterOptions {
  database: Database;
  spool: Spool<SpooledChange>;
  /** A statement without an answer for so long counts as no database. */
  timeoutMs: number;
  logger: Logger;
}

interface Pending {
  change: LifecycleChange;
  settle: (result: WriteResult) => void;
}

/** Changes of one statement. */
const MAX_BATCH = 200;
const MAX_PENDING = 20_000;
const RETRY_EVERY_MS = 250;

export class LifecycleWriter implements Service {
  readonly name = "lifecycle-writer";
  readonly #options: LifecycleWriterOptions;
  readonly #retry = new Alarm();
  #pending: Pending[] = [];
  #flushing: Promise<void> | null = null;
  readonly #refusedPlacings = new Set<(jobId: string) => void>();
  /** Dispatches of jobs that were placed under another one than their changes name, by job. */
  readonly #dispatchOf = new Map<string, string>();
  #isAway: boolean;
  #refused = 0;

  constructor(options: LifecycleWriterOptions) {
    this.#options = options;
    this.#isAway = options.spool.waiting > 0;
  }

  /** Whether changes go to the spool now. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Changes that wait for the database on disk. */
  get spooled(): number {
    return this.#options.spool.waiting;
  }

  /** Changes refused since the start, because their job had moved on. */
  get refused(): number {
    return this.#refused;
  }

  /** Told of a job that was placed while the database was away, and is another's: it must end. Must not throw. */
  onPlacingRefused(listener: (jobId: string) => void): void {
    this.#refusedPlacings.add(listener);
  }

  /** Resolves when the change is in the database or in the spool. Never rejects. */
  write(change: LifecycleChange): Promise<WriteResult> {
    if (this.#pending.length >= MAX_PENDING) {
      this.#options.logger.error("a job's change is lost: too many wait", idsOf(change));
      return Promise.resolve("lost");
    }
    return new Promise((settle) => {
      this.#pending.push({ change, settle });
      this.#flushing ??= this.#flush();
    });
  }

  /** Writes what the last start left in the spool, if the database is there. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#isAway) await this.#replay(signal);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#retry.wait(RETRY_EVERY_MS, signal);
      if (this.#isAway) await this.#replay(signal);
    }
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    // One turn of the loop, so that what comes in the same turn shares the statement.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      if (this.#isAway) await this.#spoolPending();
      else await this.#writeBatch(this.#takeBatch());
    }
    this.#flushing = null;
  }

  /** The first changes, one of each dispatch at the most; what is no change of a job's state goes alone. */
  #takeBatch(): Pending[] {
    if (this.#pending[0] && isSingle(this.#pending[0].change)) return this.#pending.splice(0, 1);
    const batch: Pending[] = [];
    const left: Pending[] = [];
    const dispatches = new Set<string>();
    for (const pending of this.#pending) {
      const { dispatchId } = pending.change.job;
      const fits = batch.length < MAX_BATCH && !isSingle(pending.change) && !dispatches.has(dispatchId);
      (fits ? batch : left).push(pending);
      dispatches.add(dispatchId);
    }
    this.#pending = left;
    return batch;
  }

  async #writeBatch(batch: Pending[]): Promise<void> {
    const changes = batch.map(({ change }) => change);
    try {
      const results = await this.#apply(changes);
      batch.forEach(({ settle }, n) => settle(results[n] ? "written" : "refused"));
    } catch (error) {
      if (isDatabaseAway(error)) {
        this.#away(error);
        this.#pending.unshift(...batch);
      } else if (batch.length > 1) {
        // One of them can't be stored; the others must not suffer for it.
        for (const pending of batch) await this.#writeBatch([pending]);
      } else {
        this.#options.logger.error("a job's change can't be stored", { ...idsOf(batch[0]?.change), error });
        batch[0]?.settle("lost");
      }
    }
  }

  /** Throws what the database throws, or TimeoutError. */
  async #apply(given: readonly LifecycleChange[]): Promise<boolean[]> {
    const { database, logger } = this.#options;
    const [first] = given;
    if (first && isSingle(first)) return [await this.#applySingle(first)];
    const changes = given.flatMap((change) => isSingle(change) ? [] : this.#underItsDispatch(change));
    const applied = await this.#bounded(applyJobChanges(database, changes));
    const refused = changes.filter((_, n) => !applied[n]);
    if (refused.length === 0) return applied;
    const earlier = await this.#bounded(areJobChangesApplied(database, refused));
    return changes.map((change, n) => {
      if (applied[n] || earlier[refused.indexOf(change)]) return true;
      this.#refused += 1;
      logger.warn("write refused: the job has moved on", idsOf(change));
      return false;
    });
  }

  async #applySingle(change: JobPlacing | CheckpointChange): Promise<boolean> {
    if (change.kind === "placed") return await this.#place(change);
    const { job, checkpoint } = this.#underItsDispatch(change);
    const { dispatchId } = job;
    return await this.#bounded(saveCheckpoint(this.#options.database, { ...checkpoint, dispatchId })) !== null;
  }

  async #place(placing: JobPlacing): Promise<boolean> {
    const { database, logger } = this.#options;
    const dispatchId = await this.#bounded(storeOutagePlacing(database, placing));
    const { jobId } = placing.job;
    if (dispatchId !== null) {
      if (dispatchId !== placing.job.dispatchId) this.#noteDispatch(jobId, dispatchId);
      return true;
    }
    this.#refused += 1;
    logger.warn("a job that was assigned while the database was away is another's: it ends here", idsOf(placing));
    for (const listener of this.#refusedPlacings) listener(jobId);
    return false;
  }

  #noteDispatch(jobId: string, dispatchId: string): void {
    this.#dispatchOf.set(jobId, dispatchId);
    const [oldest] = this.#dispatchOf.keys();
    if (this.#dispatchOf.size > MAX_PENDING && oldest !== undefined) this.#dispatchOf.delete(oldest);
  }

  #underItsDispatch<Of extends JobChange | CheckpointChange>(change: Of): Of {
    const dispatchId = this.#dispatchOf.get(change.job.jobId);
    return dispatchId === undefined ? change : { ...change, job: { ...change.job, dispatchId } };
  }

  async #bounded<Result>(statement: Promise<Result>): Promise<Result> {
    const { timeoutMs } = this.#options;
    if (await settlesWithin(statement, timeoutMs)) return await statement;
    statement.catch((error) => this.#options.logger.debug("a statement that had timed out failed", { error }));
    throw new DOMException(`no answer from the database within ${timeoutMs} ms`, "TimeoutError");
  }

  #away(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.logger.error("the database can't be reached; changes of jobs wait on disk", { error });
  }

  async #spoolPending(): Promise<void> {
    const { spool, logger } = this.#options;
    const batch = this.#pending.splice(0);
    try {
      const fits = await spool.append(batch.map(({ change }) => toSpooled(change)));
      if (!fits) logger.error("changes of jobs are lost: the spool is full", { changes: batch.length });
      for (const { settle } of batch) settle(fits ? "spooled" : "lost");
    } catch (error) {
      logger.error("changes of jobs are lost: the spool can't be written", { changes: batch.length, error });
      for (const { settle } of batch) settle("lost");
    }
  }

  /** Writes what the spool holds, until it is empty or the database is away again. */
  async #replay(signal: AbortSignal): Promise<void> {
    const { spool, logger } = this.#options;
    try {
      for (let replayed = 0; !signal.aborted;) {
        const next = await spool.next(MAX_BATCH);
        if (next.lines === 0) {
          // Something is being appended just now.
          if (spool.waiting > 0) continue;
          this.#isAway = false;
          return logger.info("the database is back; changes that waited on disk are written", { replayed });
        }
        for (const batch of withoutRepeats(next.entries.map(fromSpooled))) await this.#replayBatch(batch);
        await spool.done(next);
        replayed += next.entries.length;
      }
    } catch (error) {
      if (!isDatabaseAway(error)) logger.error("the spool can't be replayed; trying again", { error });
    }
  }

  /** Throws when the database is away; what it can't store is logged and left. */
  async #replayBatch(batch: LifecycleChange[]): Promise<void> {
    try {
      await this.#apply(batch);
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      if (batch.length > 1) { for (const change of batch) await this.#replayBatch([change]); }
      else this.#options.logger.error("a job's change can't be stored", { ...idsOf(batch[0]), error });
    }
  }
}

/** In order, each batch with one change of a dispatch at the most. */
function withoutRepeats(changes: readonly LifecycleChange[]): LifecycleChange[][] {
  const batches: LifecycleChange[][] = [];
  let seen = new Set<string>();
  for (const change of changes) {
    const last = batches.at(-1);
    const isAlone = isSingle(change) || (last?.[0] !== undefined && isSingle(last[0]));
    if (last === undefined || isAlone || seen.has(change.job.dispatchId)) {
      batches.push([change]);
      seen = new Set();
    } else last.push(change);
    seen.add(change.job.dispatchId);
  }
  return batches;
}

/**
 * Whether the same change may be stored later: every trouble of the database that we have a name for (gone, full,
 * read-only after a fail-over, a changed password, …). What is left is the change itself, which no later try will store.
 */
function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DOMException && error.name === "TimeoutError") return true;
  return describeDatabaseError(error).code !== "unexpected";
}

function idsOf(change: LifecycleChange | undefined): Record<string, unknown> {
  return { job: change?.job.jobId, dispatch: change?.job.dispatchId, what: change?.kind };
}
