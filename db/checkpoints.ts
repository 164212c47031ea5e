/** Progress that jobs save: versions per (dispatch, participant), of which the newest few are kept. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { JobKey } from "./job_key.ts";
import { type Change, rows, time } from "./statement.ts";

export interface NewCheckpoint {
  dispatchId: string;
  /** Identity of the triggering participant; null for room jobs. */
  participant: string | null;
  jobId: string;
  leaseToken: string;
  attempt: number;
  /** JSON as text. */
  json: string;
  sizeBytes: number;
  at: Date;
}

/** A save that waits for the database, in order with the job's changes. */
export interface CheckpointChange extends Change {
  kind: "checkpoint";
  job: JobKey;
  checkpoint: NewCheckpoint;
}

export interface Checkpoint {
  version: number;
  attempt: number;
  jobId: string;
  data: unknown;
}

/** Versions kept per (dispatch, participant), in case the newest one turns out to be bad. */
const KEPT_VERSIONS = 3;

/** Stores the next version and drops old ones; saves of one job must follow each other. Null when the job is not (any longer) the live job of this lease. */
export async function saveCheckpoint(database: Database, checkpoint: NewCheckpoint): Promise<number | null> {
  const { dispatchId, participant, jobId, leaseToken, attempt, json, sizeBytes, at } = checkpoint;
  const [saved] = await rows<{ version: number }>(
    database,
    // The job's row is locked, so that it does not lose its lease meanwhile.
    sql`with owner as (
      select id from jobs where id = ${jobId} and dispatch_id = ${dispatchId} and lease_token = ${leaseToken}
        and state in ('assigned', 'running') for update
    ), saved as (
      insert into checkpoints (dispatch_id, participant, version, job_id, attempt, data, size_bytes, saved_at)
      select ${dispatchId}::uuid, ${participant ?? ""}::text, 1 + coalesce((select max(version) from checkpoints
          where dispatch_id = ${dispatchId} and participant = ${participant ?? ""}), 0),
        id, ${attempt}::int, ${json}::text::jsonb, ${sizeBytes}::int, ${time(at)} from owner
      returning version
    ), pruned as (
      delete from checkpoints where dispatch_id = ${dispatchId} and participant = ${participant ?? ""}
        and version <= (select version from saved) - ${KEPT_VERSIONS}::int
    ) select version from saved`,
  );
  return saved?.version ?? null;
}

/** The newest version; null when nothing was saved. */
export async function findCheckpoint(
  database: Database,
  dispatchId: string,
  participant: string | null,
): Promise<Checkpoint | null> {
  const [found] = await rows<{ version: number; attempt: number; jobId: string; data: string }>(
    database,
    sql`select version, attempt, job_id as "jobId", data::text as data from checkpoints
      where dispatch_id = ${dispatchId} and participant = ${participant ?? ""} order by version desc limit 1`,
  );
  return found ? { ...found, data: JSON.parse(found.data) } : null;
}
