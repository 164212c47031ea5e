/**
 * Collects job output and writes it in batches. Bounded twice: lines per job (more are counted, not kept) and lines in
 * the buffer (the oldest are dropped and counted). A batch that can't be written is kept and tried again.
 */
import type { Database } from "../../db/client.ts";
import { addDroppedLogLines, insertJobLogs, type JobLogLine } from "../../db/job_logs.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { runEvery } from "../lifecycle/run_every.ts";

const FLUSH_EVERY_MS = 200;
const BATCH_LINES = 500;
const MAX_BUFFERED_LINES = 20_000;

export class LogWriter implements Service {
  readonly name = "job-logs";
  readonly #database: Database;
  readonly #maxLinesPerJob: number;
  readonly #logger: Logger;
  readonly #keptByJob = new Map<string, number>();
  readonly #droppedByJob = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #listeners = new Set<(jobIds: ReadonlySet<string>) => void>();
  #buffer: JobLogLine[] = [];
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: { database: Database; maxLinesPerJob: number; logger: Logger }) {
    this.#database = options.database;
    this.#maxLinesPerJob = options.maxLinesPerJob;
    this.#logger = options.logger;
  }

  add(line: JobLogLine): void {
    const kept = this.#keptByJob.get(line.jobId) ?? 0;
    if (kept >= this.#maxLinesPerJob) return this.#drop(line.jobId);
    this.#keptByJob.set(line.jobId, kept + 1);
    this.#buffer.push(line);
    const oldest = this.#buffer.length > MAX_BUFFERED_LINES ? this.#buffer.shift() : undefined;
    if (oldest) this.#drop(oldest.jobId);
  }

  /** Writes what is buffered; with `jobId`, also stores and forgets that job's counts. Never rejects. */
  flush(endedJobId?: string): Promise<void> {
    if (endedJobId !== undefined) this.#ended.add(endedJobId);
    this.#flushing = this.#flushing.then(() => this.#flushBatches()).then(() => this.#settleCounts()).catch(
      (error) => {
        this.#logger.warn("could not write job logs; they are kept and tried again", {
          error,
          buffered: this.#buffer.length,
        });
      },
    );
    return this.#flushing;
  }

  /** Tells whose lines were just stored, until the returned function is called. */
  onWritten(listener: (jobIds: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#logger.error("job log flush failed", { error });
    await runEvery({
      everyMs: FLUSH_EVERY_MS,
      signal,
      task: () => this.#buffer.length > 0 ? this.flush() : undefined,
      onError,
    });
    await this.flush();
  }

  async #flushBatches(): Promise<void> {
    while (this.#buffer.length > 0) {
      const batch = this.#buffer.splice(0, BATCH_LINES);
      try {
        await insertJobLogs(this.#database, batch);
      } catch (error) {
        this.#buffer = [...batch, ...this.#buffer];
        throw error;
      }
      if (this.#listeners.size === 0) continue;
      const jobIds = new Set(batch.map(({ jobId }) => jobId));
      for (const listener of this.#listeners) listener(jobIds);
    }
  }

  async #settleCounts(): Promise<void> {
    for (const jobId of [...this.#ended]) {
      const dropped = this.#droppedByJob.get(jobId) ?? 0;
      if (dropped > 0) await addDroppedLogLines(this.#database, jobId, dropped);
      this.#droppedByJob.delete(jobId);
      this.#keptByJob.delete(jobId);
      this.#ended.delete(jobId);
    }
  }

  #drop(jobId: string): void {
    this.#droppedByJob.set(jobId, (this.#droppedByJob.get(jobId) ?? 0) + 1);
  }
}
