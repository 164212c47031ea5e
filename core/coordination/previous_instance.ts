/**
 * What the previous owner of this data directory left behind when it died. It is known to be gone, because we hold its
 * lock: its row is closed, which makes its jobs orphans (recovery/orphan_rescuer.ts runs them again). Placements that only
 * it was watching are taken over by any instance (dispatch/abandoned_placements.ts).
 */
import type { Database } from "../../db/client.ts";
import { setInstanceState } from "../../db/instances.ts";
import { listLiveJobsOfInstance } from "../../db/jobs.ts";
import type { Logger } from "../lifecycle/logger.ts";

/** Returns how many jobs it had. */
export async function closePreviousInstance(
  { database, previousInstanceId, logger }: { database: Database; previousInstanceId: string | null; logger: Logger },
): Promise<number> {
  if (previousInstanceId === null) return 0;
  const jobs = await listLiveJobsOfInstance(database, previousInstanceId);
  if (await setInstanceState(database, previousInstanceId, "lost")) {
    const found = { previousInstanceId, jobs: jobs.length };
    logger.warn("the previous instance died; its jobs are run again", found);
  }
  return jobs.length;
}
