/**
 * Output of jobs that run on other instances, for who listens to their dispatches here: `log` events, read from the database
 * every LOOK_EVERY_MS, each line once. What was written before somebody began to listen is not told again: pages and
 * GET /api/v1/jobs/{id}/logs have it. With nobody listening nothing is read.
 */
import type { Database } from "../../db/client.ts";
import { listJobLogs, listLogEnds } from "../../db/job_logs.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { Hub } from "../updates/hub.ts";
import { dispatchIdOf } from "../updates/topics.ts";
import { publishJobLog } from "./dispatch_updates.ts";

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
  /** Dispatches that were followed at the last look. */
  #followed = new Set<string>();
  /** By job: its last line that was told, or was there before. */
  #lastLines = new Map<string, number>();

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
    this.#followed = new Set(followed);
    if (followed.length === 0) return this.#lastLines.clear();
    const ends = await listLogEnds(database, followed, instanceId);
    const lastLines = new Map<string, number>();
    for (const { lastId, ...job } of ends) {
      const from = this.#lastLines.get(job.id) ?? (before.has(job.dispatchId) ? 0 : lastId);
      lastLines.set(job.id, from);
      if (lastId > from) lastLines.set(job.id, await this.#tell(job, from));
    }
    this.#lastLines = lastLines;
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
