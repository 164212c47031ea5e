/**
 * Hands one job's stages and its end to the lifecycle writer, in order.
 *
 * The job never waits for a stage to be written (answers come from memory, stamped by this instance's clock); only its end
 * is awaited, because LiveKit and callers are told after it is recorded, or safe in the spool while the database is away.
 */
import type { LifecycleWriter, WriteResult } from "../coordination/lifecycle_writer.ts";
import type { Database } from "../../db/client.ts";
import type { JobChange, NextStep } from "../../db/job_changes.ts";
import { addJobFlag, type JobFailureColumns, type JobKey, setJobResources } from "../../db/jobs.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { explainFailure, failureClassOf } from "./failure_explanation.ts";
import { failureFingerprint } from "./failure_fingerprint.ts";
import type { JobEnd } from "./job_end.ts";

export interface RecorderOptions {
  database: Database;
  writer: Pick<LifecycleWriter, "write">;
  /** "instance:<id>" */
  actor: string;
  logger: Logger;
}

export class JobRecorder {
  readonly #options: RecorderOptions;
  readonly #job: JobKey;
  readonly #flags = new Set<string>();

  constructor(job: JobKey, options: RecorderOptions) {
    this.#job = job;
    this.#options = options;
  }

  entered(pid: number | null, at: Date): void {
    void this.#options.writer.write({ ...this.#change("entry was called", at), kind: "entered", pid });
  }

  stage(stage: "connected" | "ready", at: Date): void {
    void this.#options.writer.write({ ...this.#change(stage, at), kind: stage });
  }

  /** Notes what was noticed about the job: now, and once more with its end, which survives an outage of the database. */
  flag(flag: string): void {
    this.#flags.add(flag);
    this.#note("flag", addJobFlag(this.#options.database, this.#job, flag));
  }

  /** Notes what the job's process used. */
  resources(used: { peakMemoryBytes: number; cpuMs: number }): void {
    this.#note("resources", setJobResources(this.#options.database, this.#job.jobId, used));
  }

  /** Resolves when the end is stored, in the database or in the spool. Never rejects. */
  ended(end: JobEnd, at: Date, next: NextStep): Promise<WriteResult> {
    const failure = failureColumnsOf(end);
    const columns = { state: end.outcome, endReason: end.endReason, failure, flags: [...this.#flags] };
    return this.#options.writer.write({
      ...this.#change(end.endReason, at),
      kind: "ended",
      end: { ...columns, resources: null, humanSeenAt: null },
      next,
    });
  }

  #change(cause: string, at: Date): Omit<JobChange, "kind"> {
    return { job: this.#job, changeId: crypto.randomUUID(), actor: this.#options.actor, cause, at };
  }

  /** What is nice to know, and not worth an outage. */
  #note(what: string, writing: Promise<unknown>): void {
    writing.catch((error) =>
      this.#options.logger.warn("could not note something about a job", { what, job: this.#job.jobId, error })
    );
  }
}

/** A cancelled job stays cancelled; what went wrong while it ended is kept as a note, which says nothing of another try. */
function failureColumnsOf(end: JobEnd): JobFailureColumns | null {
  if (end.outcome === "succeeded" || end.failure === undefined) return null;
  const { failure } = end;
  return {
    ...explainFailure(failure),
    kind: failure.kind,
    fingerprint: failureFingerprint(failure),
    stack: failure.stack ?? null,
    exitCode: failure.exitCode ?? null,
    signal: failure.signal ?? null,
    class: end.outcome === "failed" ? failureClassOf(failure) : null,
    retryAfterMs: failure.retryAfterMs ?? null,
  };
}
