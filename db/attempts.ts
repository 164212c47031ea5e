/** The jobs of a dispatch, one after another, as recovery looks at them. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export interface AttemptRow {
  jobId: string;
  state: string;
  createdAt: Date;
  readyAt: Date | null;
  endedAt: Date | null;
}

export interface AttemptQuery {
  dispatchId: string;
  /** Only the jobs for this participant; null: all. */
  participant: string | null;
  limit: number;
}

/** Newest first. */
export async function listAttempts(
  database: Database,
  { dispatchId, participant, limit }: AttemptQuery,
): Promise<AttemptRow[]> {
  const found = await rows<
    { jobId: string; state: string; createdAtMs: number; readyAtMs: number | null; endedAtMs: number | null }
  >(
    database,
    sql`select id as "jobId", state::text, (extract(epoch from created_at) * 1000)::float8 as "createdAtMs",
        (extract(epoch from ready_at) * 1000)::float8 as "readyAtMs",
        (extract(epoch from ended_at) * 1000)::float8 as "endedAtMs"
      from jobs where dispatch_id = ${dispatchId}
        and coalesce(participant = ${participant}::text, ${participant}::text is null)
      order by attempt desc, id desc limit ${limit}::int`,
  );
  return found.map(({ jobId, state, createdAtMs, readyAtMs, endedAtMs }) => ({
    ...{ jobId, state, createdAt: new Date(createdAtMs) },
    readyAt: readyAtMs === null ? null : new Date(readyAtMs),
    endedAt: endedAtMs === null ? null : new Date(endedAtMs),
  }));
}
