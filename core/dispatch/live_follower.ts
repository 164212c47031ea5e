/**
 * Keeps the live view true of dispatches that go on elsewhere: one that waits here (for a slot, or for its next attempt)
 * may be claimed by any instance, and who waits for it here must hear of that. Their rows are read when another instance
 * tells of a change, and every LOOK_EVERY_MS; with nothing to follow, nothing is read.
 */
import type { Database } from "../../db/client.ts";
import { listDispatchesById } from "../../db/dispatch_reads.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { type DispatchView, viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";

export interface LiveFollowerOptions {
  database: Database;
  instanceId: string;
  live: LiveDispatches;
  /** Whether a job runs here. */
  isRunning: (jobId: string) => boolean;
  /** Called before what is kept here is changed to this. */
  onRefresh?: (view: DispatchView) => void;
  logger: Logger;
}

const LOOK_EVERY_MS = 250;
/** Dispatches per look. */
const MAX_PER_LOOK = 500;

export class LiveFollower implements Service {
  readonly name = "live-follower";
  readonly #options: LiveFollowerOptions;
  readonly #alarm = new Alarm();

  constructor(options: LiveFollowerOptions) {
    this.#options = options;
  }

  /** Looks soon: another instance has changed something. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.debug("dispatches could not be followed", { error });
    await runEvery({ everyMs: LOOK_EVERY_MS, alarm: this.#alarm, signal, task: () => this.look(), onError });
  }

  /** One look. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, live, onRefresh } = this.#options;
    const followed = live.list().filter((each) => this.#isElsewhere(each)).slice(0, MAX_PER_LOOK);
    if (followed.length === 0) return;
    const found = await listDispatchesById(database, followed.map(({ view }) => view.id));
    for (const row of found) {
      const view = viewOfDispatch(row);
      const mine = live.find(view.id);
      // What was claimed here meanwhile is told from here.
      if (mine && this.#isElsewhere(mine) && this.#isNews(mine.view, view)) {
        onRefresh?.(view);
        mine.refresh(view);
      }
      // Not one that waits: it may be just being stored, or placed, and whoever does that goes on with the same entry.
      if (mine?.isEnded) live.forgetIfIdle(view.id);
    }
  }

  /** It waits, or its job does not run here. */
  #isElsewhere({ view, job, isEnded, isStanding }: LiveDispatch): boolean {
    if (isEnded) return false;
    const { isRunning } = this.#options;
    if (isStanding) return !view.jobs.some(({ id }) => isRunning(id));
    return view.state === "queued" || (job !== null && !isRunning(job.id));
  }

  /** Only what another instance did: the rest is known here first. */
  #isNews(mine: DispatchView, row: DispatchView): boolean {
    const last = row.jobs.at(-1);
    const isOthers = last !== undefined && last.instanceId !== this.#options.instanceId;
    if (!isOthers) return row.stages.endedAt !== null || this.#waitsForOther(mine, row);
    return row.state !== mine.state || row.jobs.length !== mine.jobs.length ||
      JSON.stringify(row.stages) !== JSON.stringify(mine.stages);
  }

  /** Why it waits is said by whichever instance knows. */
  #waitsForOther(mine: DispatchView, row: DispatchView): boolean {
    return mine.state === "queued" && row.state === "queued" && mine.waitingReason !== row.waitingReason;
  }
}
