/**
 * A cancel whose job can't be told now, because its instance has just died or does not answer: it is noted with the job, and
 * whoever ends that job honours it: its owner when it is back (dispatch/placement_reconciler.ts), who rescues it
 * (recovery/orphan_rescuer.ts), and the statement of every end, which makes no further attempt then (job_changes.ts).
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Flag of a job whose dispatch is to be cancelled. */
export const CANCEL_REQUESTED = "cancel_requested";

/** Notes it with the dispatch's live jobs; again does no harm. False when it has none: it waits, has ended, or is being moved. */
export async function requestCancel(database: Database, dispatchId: string): Promise<boolean> {
  const noted = await rows(
    database,
    sql`update jobs set flags = array_append(array_remove(flags, ${CANCEL_REQUESTED}), ${CANCEL_REQUESTED})
      where dispatch_id = ${dispatchId}::uuid and state in ('created', 'assigned', 'running') returning id`,
  );
  return noted.length > 0;
}
