/** What is read only when somebody opens one dispatch: its history, and its jobs' details and output. */
import { asc, desc, eq, inArray, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { jobDetails } from "./schema/job_details.ts";
import { jobLogs } from "./schema/job_logs.ts";
import { spans } from "./schema/spans.ts";
import { transitions } from "./schema/transitions.ts";
import { rows } from "./statement.ts";

const MAX_TRANSITIONS = 500;
const MAX_SPANS = 500;

export type TransitionRow = typeof transitions.$inferSelect;
export type JobDetailsRow = typeof jobDetails.$inferSelect;
export type LogRow = typeof jobLogs.$inferSelect;
export type SpanRow = typeof spans.$inferSelect;

export async function listTransitions(database: Database, dispatchId: string): Promise<TransitionRow[]> {
  return await database.db.select().from(transitions).where(eq(transitions.dispatchId, dispatchId))
    .orderBy(asc(transitions.at)).limit(MAX_TRANSITIONS);
}

export async function listJobDetails(database: Database, jobIds: string[]): Promise<JobDetailsRow[]> {
  if (jobIds.length === 0) return [];
  return await database.db.select().from(jobDetails).where(inArray(jobDetails.jobId, jobIds));
}

/** The newest lines of these jobs, oldest first. */
export async function listNewestLogs(database: Database, jobIds: string[], limit: number): Promise<LogRow[]> {
  if (jobIds.length === 0) return [];
  const newest = await database.db.select().from(jobLogs).where(inArray(jobLogs.jobId, jobIds))
    .orderBy(desc(jobLogs.id)).limit(limit);
  return newest.reverse();
}

/** Spans of its trace that name this dispatch, earliest first. */
export async function listSpansOfDispatch(database: Database, dispatchId: string): Promise<SpanRow[]> {
  return await database.db.select().from(spans).where(eq(spans.dispatchId, dispatchId))
    .orderBy(asc(spans.startedAt)).limit(MAX_SPANS);
}

/** Host names by instance id. */
export async function listInstanceNames(database: Database, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const asked = [...new Set(ids)].join(",");
  const found = await rows<{ id: string; hostname: string }>(
    database,
    sql`select id, hostname from instances where id = any(string_to_array(${asked}, ',')::uuid[])`,
  );
  return new Map(found.map(({ id, hostname }) => [id, hostname]));
}
