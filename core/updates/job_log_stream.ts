/**
 * Follows the output of one job as server-sent events: what was written so far, then each line as it is stored, then
 * `end`, and the stream closes. Also for jobs that have ended, and for jobs of other instances.
 *
 * - The database is the truth, so an event's id is its line's: a client that resumes misses nothing and gets nothing twice.
 *   This instance's writer says when lines were stored; without it (another instance) it is asked every POLL_MS.
 * - A client that reads slowly is waited for: lines stay in the database, at most one page of them in memory.
 * - `end` comes after the last line: the job's end is seen first, then what is buffered is written and read. Lines of
 *   another instance's job are read once more after a pause, because its writer can't be asked to hurry.
 * - A stream ends when the key or session that asked for it does, when the program stops, and when the client goes.
 */
import type { Database } from "../../db/client.ts";
import { findJob, type JobRow } from "../../db/dispatch_reads.ts";
import { listJobLogs } from "../../db/job_logs.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { untilAborted } from "../lifecycle/supervisor.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import type { LogWriter } from "../runtime/log_writer.ts";
import type { StreamAccess } from "./audience.ts";
import type { Subscribed } from "./hub.ts";
import { encodeComment, encodeEvent, encodeRetry, joinFrames } from "./sse.ts";

export interface JobLogStreamsOptions {
  database: Database;
  /** Of this instance, whose jobs write by `logs`. */
  instanceId: string;
  logs: Pick<LogWriter, "flush" | "onWritten">;
  runner: Pick<JobRunner, "find">;
  maxClients: number;
  logger: Logger;
  pollMs?: number;
}

/** Where a client is: after which line, and whether it has seen the end. */
export interface LogPosition {
  afterId: number;
  hasEnded: boolean;
}

const PAGE_LINES = 200;
const POLL_MS = 1_000;
const KEEP_ALIVE_MS = 15_000;
const RECONNECT_AFTER_MS = 1_000;

/** The position that an event's id stands for: "<line>" or "<line>-end"; null when it is none of ours. */
export function parseLogPosition(lastEventId: string): LogPosition | null {
  const [, line, end] = /^(\d{1,15})(-end)?$/.exec(lastEventId) ?? [];
  return line === undefined ? null : { afterId: Number(line), hasEnded: end !== undefined };
}

export class JobLogStreams implements Service {
  readonly name = "job-log-streams";
  readonly #options: JobLogStreamsOptions;
  readonly #stop = new AbortController();
  #clientCount = 0;

  constructor(options: JobLogStreamsOptions) {
    this.#options = options;
  }

  get clientCount(): number {
    return this.#clientCount;
  }

  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    this.#stop.abort();
  }

  follow(jobId: string, afterId: number, access: StreamAccess | null): Subscribed {
    const { maxClients } = this.#options;
    if (this.#clientCount >= maxClients) return { ok: false, maxClients };
    this.#clientCount += 1;
    const leaving = new AbortController();
    const signal = AbortSignal.any([leaving.signal, this.#stop.signal]);
    const frames = this.#frames(jobId, afterId, access, signal);
    const free = () => {
      if (leaving.signal.aborted) return;
      leaving.abort();
      this.#clientCount -= 1;
    };
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encodeRetry(RECONNECT_AFTER_MS)),
      pull: async (controller) => {
        try {
          const { value, done } = await frames.next();
          if (!done) return controller.enqueue(value);
        } catch (error) {
          this.#options.logger.warn("a stream of job output broke off; its client will come back", {
            job: jobId,
            error,
          });
        }
        free();
        controller.close();
      },
      cancel: free,
    }, { highWaterMark: 1 });
    return { ok: true, stream };
  }

  async *#frames(
    jobId: string,
    afterId: number,
    access: StreamAccess | null,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { database, instanceId, logs, runner } = this.#options;
    const wakeUp = new WakeUp();
    const stopListening = logs.onWritten((jobIds) => jobIds.has(jobId) && wakeUp.ring());
    void runner.find(jobId)?.gone.then(() => wakeUp.ring());
    let lastSignAtMs = performance.now();
    let looksAfterEnd = 0;
    try {
      await logs.flush();
      while (!signal.aborted) {
        const isHere = runner.find(jobId) !== null;
        const job = await findJob(database, jobId);
        const hasEnded = job === null || (job.endedAt !== null && !isHere);
        if (hasEnded) await logs.flush();
        const lines = await listJobLogs(database, jobId, afterId, PAGE_LINES);
        if (lines.length > 0) {
          afterId = lines.at(-1)?.id ?? afterId;
          lastSignAtMs = performance.now();
          yield joinFrames(lines.map((line) => encodeEvent(String(line.id), "log", line)));
          continue;
        }
        const isComplete = job?.instanceId === instanceId || looksAfterEnd++ > 0;
        if (hasEnded && isComplete) return yield encodeEvent(`${afterId}-end`, "end", endOf(job));
        await wakeUp.wait(this.#options.pollMs ?? POLL_MS, signal);
        if (performance.now() - lastSignAtMs < KEEP_ALIVE_MS) continue;
        lastSignAtMs = performance.now();
        if (access !== null && !await access.isOpen()) return;
        yield encodeComment("ping");
      }
    } finally {
      stopListening();
    }
  }
}

function endOf(job: JobRow | null) {
  return { jobId: job?.id ?? null, state: job?.state ?? null, endReason: job?.endReason ?? null };
}

/** A bell that is heard by the one who waits, now or when he comes to wait. */
class WakeUp {
  #resolve: () => void = () => {};
  #hasRung = false;

  ring(): void {
    this.#hasRung = true;
    this.#resolve();
  }

  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolve = resolve;
    if (this.#hasRung || signal.aborted) resolve();
    const timer = setTimeout(resolve, limitMs);
    const finish = () => resolve();
    signal.addEventListener("abort", finish);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", finish);
    this.#hasRung = false;
  }
}
