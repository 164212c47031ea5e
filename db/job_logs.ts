/** Job output: written in batches as one JSON parameter (stack.md 1: three times quicker than VALUES), read in pages. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { jobLogs } from "./schema/job_logs.ts";
import { rows } from "./statement.ts";

export interface JobLogLine {
  jobId: string;
  attempt: number;
  level: "debug" | "info" | "warn" | "error";
  message: string;
  fields: Record<string, unknown> | null;
  at: Date;
}

export async function insertJobLogs(database: Database, lines: readonly JobLogLine[]): Promise<void> {
  await rows(
    database,
    sql`insert into job_logs (at, job_id, attempt, level, message, fields)
      select (x->>'at')::timestamptz, (x->>'jobId')::uuid, (x->>'attempt')::int, (x->>'level')::log_level, x->>'message',
        nullif(x->'fields', 'null'::jsonb)
      from jsonb_array_elements(${toJson(lines)}::text::jsonb) x`,
  );
}

/** Lines of one job in the order they were written, after the line `afterId`. */
export async function listJobLogs(database: Database, jobId: string, afterId: number, limit: number) {
  return await database.db.select().from(jobLogs).where(and(eq(jobLogs.jobId, jobId), gt(jobLogs.id, afterId)))
    .orderBy(asc(jobLogs.id)).limit(limit);
}

/** How far a job of another instance is: the last line of its output (0: none), and its progress as JSON text. */
export interface JobTail {
  id: string;
  dispatchId: string;
  attempt: number;
  lastId: number;
  progress: string | null;
}

/** Of the jobs of these dispatches that run, or ran, on other instances. */
export async function listJobTails(
  database: Database,
  dispatchIds: readonly string[],
  ownInstanceId: string,
): Promise<JobTail[]> {
  const found = await rows<{ [Key in keyof JobTail]: Key extends "lastId" ? string : JobTail[Key] }>(
    database,
    sql`select j.id, j.dispatch_id as "dispatchId", j.attempt, d.progress::text as progress,
        coalesce((select max(l.id) from job_logs l where l.job_id = j.id), 0)::text as "lastId"
      from jobs j left join job_details d on d.job_id = j.id
      where j.dispatch_id = any(${`{${
      dispatchIds.join(",")
    }}`}::text::uuid[]) and j.instance_id <> ${ownInstanceId}::uuid`,
  );
  return found.map((job) => ({ ...job, lastId: Number(job.lastId) }));
}

/** Adds to the count of lines that were not kept. */
export async function addDroppedLogLines(database: Database, jobId: string, count: number): Promise<void> {
  await rows(
    database,
    sql`insert into job_details (job_id, dropped_log_lines) select id, ${count}::int from jobs where id = ${jobId}
      on conflict (job_id) do update set dropped_log_lines = job_details.dropped_log_lines + excluded.dropped_log_lines`,
  );
}

/** Postgres text can't hold U+0000, and a lone surrogate is not valid JSON there. */
function toJson(lines: readonly JobLogLine[]): string {
  return JSON.stringify(
    lines,
    (_key, value) => typeof value === "string" ? value.replaceAll("\u0000", "\uFFFD").toWellFormed() : value,
  );
}
