/**
 * What the previous owner of this data directory left behind when it died: its jobs ended with it (their processes leave
 * the room and exit within half a second), so they are recorded as lost. It is known to be gone, because we hold its lock.
 */
import type { Database } from "../../db/client.ts";
import { endStaleLivekitPlacements } from "../../db/dispatches.ts";
import { setInstanceState } from "../../db/instances.ts";
import { endJob, listLiveJobsOfInstance } from "../../db/jobs.ts";
import type { Logger } from "../lifecycle/logger.ts";

export async function recoverPreviousInstance(
  { database, previousInstanceId, logger, now = () => new Date() }: {
    database: Database;
    previousInstanceId: string | null;
    logger: Logger;
    now?: () => Date;
  },
): Promise<number> {
  if (previousInstanceId === null) return 0;
  const actor = `instance:${previousInstanceId}`;
  const newChange = () => ({ changeId: crypto.randomUUID(), actor, cause: "instance_lost", at: now() });
  const failure = {
    code: "instance_lost",
    kind: "instance_lost",
    fingerprint: "instance_lost: The Greenroom process that ran this job died.",
    message: "The Greenroom process that ran this job died.",
    remedy: "Retry the dispatch.",
    stack: null,
    exitCode: null,
    signal: null,
  };
  const jobs = await listLiveJobsOfInstance(database, previousInstanceId);
  for (const job of jobs) {
    await endJob(database, job, { state: "failed", endReason: "instance_lost", failure }, newChange());
  }
  const unplaced = await endStaleLivekitPlacements(database, failure, newChange());
  const wasRunning = await setInstanceState(database, previousInstanceId, "lost");
  if (wasRunning) {
    logger.warn("the previous instance died; its jobs are recorded as failed", {
      previousInstanceId,
      jobs: jobs.length,
      unplaced,
    });
  }
  return jobs.length;
}
