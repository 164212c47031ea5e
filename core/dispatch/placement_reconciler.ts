/**
 * Finds jobs that the database says are ours and that nothing runs here: the answer to the statement that placed or claimed
 * them was lost. (The other way round, jobs that run here and are ours no more: recovery/moved_on_jobs.ts.)
 *
 *   seen in two looks running ──not entered──▶ ended as failed `not_started`, its dispatch back in the queue
 *                             │              (of a request that was refused: both cancelled, see unconfirmed_requests.ts)
 *                             └──entered─────▶ ended as failed: it did run, and its end could not be recorded
 *
 * A job counts only when it was settled before the look began: not running, and its placing not under way. While changes
 * wait in the spool nothing is looked at, because the database is behind us then. The end is guarded by the job's lease.
 * A job whose cancel was noted while we could not be told of it (db/cancel_requests.ts) is told to end.
 */
import { type AssignedJobRow, listAssignedJobs } from "../../db/assigned_jobs.ts";
import type { Database } from "../../db/client.ts";
import type { JobChange } from "../../db/job_changes.ts";
import type { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { explainFailure } from "../runtime/failure_explanation.ts";
import { failureFingerprint } from "../runtime/failure_fingerprint.ts";
import type { JobFailure } from "../runtime/job_end.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import type { PlacingJobs } from "./placing_jobs.ts";
import type { UnconfirmedRequests } from "./unconfirmed_requests.ts";

export interface PlacementReconcilerOptions {
  database: Database;
  instanceId: string;
  runner: Pick<JobRunner, "find">;
  placing: PlacingJobs;
  live: Pick<LiveDispatches, "find">;
  unconfirmed: Pick<UnconfirmedRequests, "has">;
  writer: Pick<LifecycleWriter, "write">;
  /** Whether our own changes wait for the database. */
  isSpooling: () => boolean;
  /** A dispatch is back in the queue. */
  onRetry: () => void;
  logger: Logger;
  now?: () => Date;
}

const LOOK_EVERY_MS = 2_000;
/** More live jobs than this has no instance. */
const MAX_JOBS = 5_000;
const LOST_ANSWER: JobFailure = {
  kind: "not_started",
  message: "The database's answer to the placing was lost, so that nothing was started; the dispatch waits again",
};
const LOST_END: JobFailure = {
  kind: "instance_lost",
  message: "The job runs no more, and its end could not be recorded",
};

export class PlacementReconciler implements Service {
  readonly name = "placement-reconciler";
  readonly #options: PlacementReconcilerOptions;
  #suspected = new Set<string>();

  constructor(options: PlacementReconcilerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.debug("assigned jobs could not be compared", { error });
    await runEvery({ everyMs: LOOK_EVERY_MS, signal, task: () => this.look(), onError });
  }

  /** One look. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, instanceId, isSpooling, placing } = this.#options;
    if (isSpooling()) return void this.#suspected.clear();
    const underWay = new Set(placing.list());
    const assigned = await listAssignedJobs(database, instanceId, MAX_JOBS);
    if (isSpooling()) return void this.#suspected.clear();
    for (const { jobId, isCancelRequested } of assigned) if (isCancelRequested) this.#cancel(jobId);
    const lost = assigned.filter(({ jobId }) => !underWay.has(jobId) && !this.#isHere(jobId));
    const sure = lost.filter(({ jobId }) => this.#suspected.has(jobId));
    this.#suspected = new Set(lost.map(({ jobId }) => jobId));
    for (const job of sure) await this.#end(job);
  }

  /** What could not be told to us when it was asked for. Told again, it changes nothing. */
  #cancel(jobId: string): void {
    const job = this.#options.runner.find(jobId);
    job?.cancel("cancelled", job.plan.shutdownGraceMs);
  }

  #isHere(jobId: string): boolean {
    return this.#options.runner.find(jobId) !== null || this.#options.placing.has(jobId);
  }

  async #end(job: AssignedJobRow): Promise<void> {
    const { writer, unconfirmed, live, onRetry, logger, now = () => new Date() } = this.#options;
    const isRefused = !job.hasEntered && unconfirmed.has(job.dispatchId);
    const at = now();
    const written = await writer.write(this.#change(job, at, isRefused));
    const { jobId, dispatchId, agent, hasEntered } = job;
    logger.warn("a job is assigned to this instance and does not run here", {
      ...{ job: jobId, dispatch: dispatchId, agent, hasEntered, isRefused, written },
    });
    if (written !== "written") return;
    if (hasEntered || isRefused) live.find(dispatchId)?.ended(isRefused ? "cancelled" : "failed", at, null);
    else onRetry();
  }

  #change({ jobId, dispatchId, leaseToken, hasEntered }: AssignedJobRow, at: Date, isRefused: boolean): JobChange {
    const failure = hasEntered ? LOST_END : LOST_ANSWER;
    const columns = {
      ...{ kind: failure.kind, fingerprint: failureFingerprint(failure), stack: null, exitCode: null, signal: null },
      ...explainFailure(failure),
    };
    return {
      job: { jobId, dispatchId, leaseToken },
      ...{ changeId: crypto.randomUUID(), actor: `instance:${this.#options.instanceId}`, at },
      cause: isRefused ? "the request had been refused, because the database did not answer" : failure.message,
      kind: "ended",
      end: {
        state: isRefused ? "cancelled" : "failed",
        endReason: "process_gone",
        failure: isRefused ? null : columns,
        ...{ flags: [], resources: null, humanSeenAt: null },
      },
      next: hasEntered || isRefused ? { kind: "final" } : { kind: "retry", notBefore: null },
    };
  }
}
