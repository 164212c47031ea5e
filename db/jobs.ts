/** Writes and reads of running jobs, one at a time. Their lifecycle goes through job_changes.ts, many at once. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { applyJobChanges } from "./job_changes.ts";
import type { JobFailureColumns, JobKey } from "./job_key.ts";
import { type Change, rows } from "./statement.ts";

export type { JobFailureColumns, JobKey } from "./job_key.ts";

/** assigned → running: the child called the agent's entry. False: the guard refused it. */
export async function markJobEntered(
  database: Database,
  job: JobKey,
  pid: number | null,
  change: Change,
): Promise<boolean> {
  const [isApplied] = await applyJobChanges(database, [{ ...change, job, kind: "entered", pid }]);
  return isApplied === true;
}

/** Ends a job and, with it, its dispatch. False: the guard refused it. */
export async function endJob(
  database: Database,
  job: JobKey,
  end: { state: "succeeded" | "failed" | "cancelled"; endReason: string; failure: JobFailureColumns | null },
  change: Change,
): Promise<boolean> {
  const columns = { ...end, flags: [], resources: null, humanSeenAt: null };
  const next = { kind: "final" } as const;
  const [isApplied] = await applyJobChanges(database, [{ ...change, job, kind: "ended", end: columns, next }]);
  return isApplied === true;
}

/** Adds to what was noticed while the job ran; once. */
export async function addJobFlag(database: Database, job: JobKey, flag: string): Promise<boolean> {
  const written = await rows(
    database,
    sql`update jobs set flags = case when ${flag} = any(flags) then flags else array_append(flags, ${flag}) end
      where id = ${job.jobId} and lease_token = ${job.leaseToken} returning id`,
  );
  return written.length === 1;
}

/** What the job's process used, known when it is gone. */
export async function setJobResources(
  database: Database,
  jobId: string,
  { peakMemoryBytes, cpuMs }: { peakMemoryBytes: number; cpuMs: number },
): Promise<void> {
  await rows(
    database,
    sql`insert into job_details (job_id, peak_memory_bytes, cpu_ms)
      select id, ${peakMemoryBytes}::bigint, ${cpuMs}::int from jobs where id = ${jobId}
      on conflict (job_id) do update set peak_memory_bytes = excluded.peak_memory_bytes, cpu_ms = excluded.cpu_ms`,
  );
}

/** Jobs that `instanceId` still owns; read when an instance is known to be gone. */
export async function listLiveJobsOfInstance(database: Database, instanceId: string): Promise<JobKey[]> {
  return await rows<JobKey & Record<string, unknown>>(
    database,
    sql`select id as "jobId", dispatch_id as "dispatchId", lease_token as "leaseToken" from jobs
      where instance_id = ${instanceId} and state in ('created', 'assigned', 'running')`,
  );
}
