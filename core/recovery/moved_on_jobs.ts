/**
 * Ends jobs that run here though they are ours no more: we were taken for dead (paused, or cut off from the database), and
 * a rescuer has ended them. One that answered in its room is never rescued (room_verdict.ts), so this is rare. Looked for
 * every LOOK_EVERY_MS; a job must be seen so on two looks running.
 */
import type { Database } from "../../db/client.ts";
import { listMovedOn } from "../../db/orphans.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { JobRunner } from "../runtime/job_runner.ts";

export interface MovedOnJobsOptions {
  database: Database;
  runner: Pick<JobRunner, "list">;
  /** Whether our own changes wait for the database. */
  isSpooling: () => boolean;
  logger: Logger;
}

const LOOK_EVERY_MS = 2_000;
const GRACE_MS = 500;

export class MovedOnJobs implements Service {
  readonly name = "moved-on-jobs";
  readonly #options: MovedOnJobsOptions;
  #suspected = new Set<string>();

  constructor(options: MovedOnJobsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.debug("own jobs could not be compared", { error });
    await runEvery({ everyMs: LOOK_EVERY_MS, signal, task: () => this.look(), onError });
  }

  /** One look. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, runner, isSpooling, logger } = this.#options;
    const running = runner.list();
    if (running.length === 0 || isSpooling()) return void this.#suspected.clear();
    const movedOn = new Set(await listMovedOn(database, running.map(({ plan }) => plan.key)));
    for (const job of running) {
      const { jobId } = job.plan.key;
      if (!movedOn.has(jobId) || !this.#suspected.has(jobId)) continue;
      logger.warn("a job here has been taken over by another instance: it ends", { job: jobId, room: job.plan.room });
      job.cancel("shutdown", GRACE_MS);
    }
    this.#suspected = movedOn;
  }
}
