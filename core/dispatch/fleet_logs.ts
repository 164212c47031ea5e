/**
 * Output and progress of jobs that run on other instances, for who listens to their dispatches here: `log` and `progress`
 * events, read from the database every LOOK_EVERY_MS, each line once, of progress the newest. What was there before somebody
 * began to listen is not told again: pages, GET /api/v1/jobs/{id} and …/logs have it. With nobody listening nothing is read.
 */
import type { Database } from "../../db/client.ts";
import { type JobTail, listJobLogs, listJobTails } from "../../db/job_logs.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { Hub } from "../updates/hub.ts";
import { dispatchIdOf } from "../updates/topics.ts";
import { publishJobLog, publishJobProgress } from "./dispatch_updates.ts";

export interface FleetLogsOptions {
  database: Database;
  instanceId: string;
  hub: Pick<Hub, "publish" | "subscribedTopics">;
  logger: Logger;
}

const LOOK_EVERY_MS = 1_000;
/** Dispatches per look. */
const MAX_FOLLOWED = 500;
/** Lines of one job per look; the rest comes with the next. */
const MAX_LINES = 200;

export class FleetLogs implements Service {
  readonly name = "fleet-logs";
  readonly #options: FleetLogsOptions;
  /** Dispatches that were followed at the last look that went well. */
  #followed = new Set<string>();
  /** By job: what was told, or was there before. */
  #told = new Map<string, Pick<JobTail, "lastId" | "progress">>();

  constructor(options: FleetLogsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const onError = (error: unknown) => logger.debug("output of other instances' jobs could not be read", { error });
    await runEvery({ everyMs: LOOK_EVERY_MS, signal, task: () => this.look(), onError });
  }

  /** One look. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, instanceId, hub } = this.#options;
    const followed = hub.subscribedTopics().flatMap((topic) => dispatchIdOf(topic) ?? []).slice(0, MAX_FOLLOWED);
    const before = this.#followed;
    const seen = new Set<string>();
    const tails = followed.length === 0 ? [] : await listJobTails(database, followed, instanceId);
    for (const { lastId, progress, ...job } of tails) {
      seen.add(job.id);
      // A job that is new to a dispatch that was followed before has begun meanwhile.
      const from = this.#told.get(job.id) ??
        (before.has(job.dispatchId) ? { lastId: 0, progress: null } : { lastId, progress });
      if (progress !== null && progress !== from.progress) {
        publishJobProgress(hub, job.id, job.dispatchId, JSON.parse(progress));
      }
      this.#told.set(job.id, { progress, lastId: from.lastId });
      if (lastId > from.lastId) this.#told.set(job.id, { progress, lastId: await this.#tell(job, from.lastId) });
    }
    for (const id of this.#told.keys()) if (!seen.has(id)) this.#told.delete(id);
    // Only now: a look that fails is made again with what it found new still new.
    this.#followed = new Set(followed);
  }

  /** Returns the last line told. */
  async #tell(job: { id: string; dispatchId: string; attempt: number }, afterId: number): Promise<number> {
    const lines = await listJobLogs(this.#options.database, job.id, afterId, MAX_LINES);
    for (const { level, message, fields, at } of lines) {
      const told = { level, message, at, ...(fields === null ? {} : { fields: fields as Record<string, unknown> }) };
      publishJobLog(this.#options.hub, job, told);
    }
    return lines.at(-1)?.id ?? afterId;
  }
}
