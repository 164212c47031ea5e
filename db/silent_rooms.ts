/** What the watch over silent rooms reads and notes: jobs that should be in their rooms, and when people were seen there. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows, time } from "./statement.ts";

export interface ServingJob {
  jobId: string;
  dispatchId: string;
  leaseToken: string;
  attempt: number;
  agent: string;
  server: string;
  room: string;
  participantIdentity: string;
  isStanding: boolean;
}

/** Jobs that joined their rooms on this server at least `sinceMs` ago (database time) and have not ended, oldest first. */
export async function listServingJobs(
  database: Database,
  { server, sinceMs, limit }: { server: string; sinceMs: number; limit: number },
): Promise<ServingJob[]> {
  return await rows<ServingJob & Record<string, unknown>>(
    database,
    sql`select j.id as "jobId", j.dispatch_id as "dispatchId", j.lease_token as "leaseToken", j.attempt, j.agent, j.server,
        j.room, j.participant_identity as "participantIdentity",
        (d.placement = 'livekit' and d.participant_identity is null and j.participant is not null) as "isStanding"
      from jobs j join dispatches d on d.id = j.dispatch_id
      where j.state = 'running' and j.server = ${server}
        and j.connected_at < now() - make_interval(secs => ${sinceMs}::float8 / 1000)
      order by j.created_at limit ${limit}::int`,
  );
}

/** People are in the rooms of these jobs. */
export async function noteHumansSeen(database: Database, jobIds: readonly string[], at: Date): Promise<void> {
  if (jobIds.length === 0) return;
  await rows(
    database,
    sql`update jobs set human_seen_at = ${time(at)}
      where id = any(${`{${jobIds.join(",")}}`}::text::uuid[]) and state in ('assigned', 'running')`,
  );
}
