/**
 * Writes one job's stages and its end to the database, in order, each as one guarded statement.
 *
 * The job never waits for a stage to be written (answers come from memory, stamped by this instance's clock); only its end
 * is awaited, because LiveKit and callers are told after it is recorded. A write that fails because the database is away
 * is tried again until `giveUpMs`. A refused one means the job is not ours any more, and is logged; unless a try before it
 * failed: then its answer may have been lost, and the change id in the row tells whether it was applied.
 */
import type { Database } from "../../db/client.ts";
import { endJob, findJobChangeId, type JobKey, markJobEntered, stampJobStage } from "../../db/jobs.ts";
import type { Change } from "../../db/statement.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import { explainFailure } from "./failure_explanation.ts";
import { failureFingerprint } from "./failure_fingerprint.ts";
import type { JobEnd } from "./job_end.ts";

export interface RecorderOptions {
  database: Database;
  /** "instance:<id>" */
  actor: string;
  logger: Logger;
  /** How long a write is tried while the database is away. */
  giveUpMs: number;
}

const RETRY_EVERY_MS = 250;
const NEVER = new AbortController().signal;

export class JobRecorder {
  readonly #options: RecorderOptions;
  readonly #job: JobKey;
  #last: Promise<boolean> = Promise.resolve(true);

  constructor(job: JobKey, options: RecorderOptions) {
    this.#job = job;
    this.#options = options;
  }

  entered(pid: number | null, at: Date): void {
    const change = this.#change("entry was called", at);
    this.#enqueue("entered", change, () => markJobEntered(this.#options.database, this.#job, pid, change));
  }

  stage(stage: "connected" | "ready", at: Date): void {
    this.#enqueue(stage, null, () => stampJobStage(this.#options.database, this.#job, stage, at));
  }

  /** Resolves when the end is stored: true, or false when it was refused or given up. */
  ended(end: JobEnd, at: Date): Promise<boolean> {
    const change = this.#change(end.endReason, at);
    const failure = end.outcome === "failed"
      ? {
        ...explainFailure(end.failure),
        kind: end.failure.kind,
        fingerprint: failureFingerprint(end.failure),
        stack: end.failure.stack ?? null,
        exitCode: end.failure.exitCode ?? null,
        signal: end.failure.signal ?? null,
      }
      : null;
    return this.#enqueue(
      "ended",
      change,
      () =>
        endJob(this.#options.database, this.#job, { state: end.outcome, endReason: end.endReason, failure }, change),
    );
  }

  #change(cause: string, at: Date): Change {
    return { changeId: crypto.randomUUID(), actor: this.#options.actor, cause, at };
  }

  /** @param change null for a write that is true when it is repeated. */
  #enqueue(what: string, change: Change | null, write: () => Promise<boolean>): Promise<boolean> {
    this.#last = this.#last.then(() => this.#write(what, change, write));
    return this.#last;
  }

  async #write(what: string, change: Change | null, write: () => Promise<boolean>): Promise<boolean> {
    const { logger, giveUpMs } = this.#options;
    const ids = { job: this.#job.jobId, dispatch: this.#job.dispatchId, what };
    const deadline = performance.now() + giveUpMs;
    for (let failures = 0;; failures++) {
      try {
        const isWritten = await write() || (failures > 0 && change !== null && await this.#isApplied(change));
        if (!isWritten) logger.warn("write refused: the job has moved on", ids);
        return isWritten;
      } catch (error) {
        if (performance.now() > deadline) {
          logger.error("could not record a job's change; giving up", { ...ids, error });
          return false;
        }
        logger.warn("could not record a job's change; trying again", { ...ids, error });
        await abortableWait(RETRY_EVERY_MS, NEVER);
      }
    }
  }

  async #isApplied(change: Change): Promise<boolean> {
    return await findJobChangeId(this.#options.database, this.#job) === change.changeId;
  }
}
