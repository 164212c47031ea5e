/** What is kept of a job beside its row, for whoever opens it. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { json, looseRows, rows } from "./statement.ts";

/** Keeps the last thing that the job said about its progress. */
export async function saveJobProgress(database: Database, jobId: string, progress: unknown): Promise<void> {
  await looseRows(
    database,
    sql`insert into job_details (job_id, progress) select id, ${json(progress)} from jobs where id = ${jobId}
      on conflict (job_id) do update set progress = excluded.progress`,
  );
}

/** What the job last said about its progress; null when it said nothing. */
export async function findJobProgress(database: Database, jobId: string): Promise<unknown> {
  const [found] = await rows<{ progress: string | null }>(
    database,
    sql`select progress::text as progress from job_details where job_id = ${jobId}`,
  );
  return found?.progress ? JSON.parse(found.progress) : null;
}
