/** What the database says that an instance runs. */
import { sql } from "drizzle-orm";
import { CANCEL_REQUESTED } from "./cancel_requests.ts";
import type { Database } from "./client.ts";
import type { JobKey } from "./job_key.ts";
import { rows } from "./statement.ts";

export interface AssignedJobRow extends JobKey, Record<string, unknown> {
  agent: string;
  hasEntered: boolean;
  /** Its cancel was asked for when this instance could not be told (cancel_requests.ts). */
  isCancelRequested: boolean;
}

/** The live jobs of an instance, oldest first, at most `limit`. */
export async function listAssignedJobs(
  database: Database,
  instanceId: string,
  limit: number,
): Promise<AssignedJobRow[]> {
  return await rows<AssignedJobRow>(
    database,
    sql`select id as "jobId", dispatch_id as "dispatchId", lease_token as "leaseToken", agent,
        state = 'running' as "hasEntered", ${CANCEL_REQUESTED} = any(flags) as "isCancelRequested"
      from jobs where instance_id = ${instanceId}::uuid and state in ('created', 'assigned', 'running')
      order by created_at limit ${limit}::int`,
  );
}
