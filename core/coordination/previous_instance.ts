/**
 * What the previous owner of this data directory left behind when it died. It is known to be gone, because we hold its
 * lock: its row is closed, which makes its jobs orphans (recovery/orphan_rescuer.ts runs them again), and placements that
 * only it was watching end.
 */
import type { Database } from "../../db/client.ts";
import { endStaleLivekitPlacements } from "../../db/dispatches.ts";
import { setInstanceState } from "../../db/instances.ts";
import { listLiveJobsOfInstance } from "../../db/jobs.ts";
import type { Logger } from "../lifecycle/logger.ts";

/** Returns how many jobs it had. */
export async function closePreviousInstance(
  { database, previousInstanceId, logger, now = () => new Date() }: {
    database: Database;
    previousInstanceId: string | null;
    logger: Logger;
    now?: () => Date;
  },
): Promise<number> {
  if (previousInstanceId === null) return 0;
  const jobs = await listLiveJobsOfInstance(database, previousInstanceId);
  const failure = {
    code: "instance_lost",
    message: "The Greenroom process that waited for LiveKit to place this died.",
    remedy: "Retry the dispatch.",
  };
  const change = {
    changeId: crypto.randomUUID(),
    actor: `instance:${previousInstanceId}`,
    cause: "instance_lost",
    at: now(),
  };
  const unplaced = await endStaleLivekitPlacements(database, failure, change);
  if (await setInstanceState(database, previousInstanceId, "lost")) {
    const found = { previousInstanceId, jobs: jobs.length, unplaced };
    logger.warn("the previous instance died; its jobs are run again", found);
  }
  return jobs.length;
}
