/**
 * Guarded writes of a running job and its dispatch. One transition is one statement: the job's row decides
 * (`id`, allowed source state, lease token), its dispatch follows in the same statement, and the history row is written
 * only if the guard held. A refused write changes nothing and returns false.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { dispatchSourcesOf, jobSourcesOf } from "./lifecycle.ts";
import type { DispatchState, JobState } from "./schema/states.ts";
import { type Change, rows, stateList, time } from "./statement.ts";

/** The job a write is for; `leaseToken` fences writes of an owner that has lost it. */
export interface JobKey {
  jobId: string;
  dispatchId: string;
  leaseToken: string;
}

export interface JobFailureColumns {
  code: string;
  kind: string;
  fingerprint: string;
  message: string;
  remedy: string;
  stack: string | null;
  exitCode: number | null;
  signal: string | null;
}

/** assigned → running: the child called the agent's entry. */
export async function markJobEntered(
  database: Database,
  job: JobKey,
  pid: number | null,
  change: Change,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`with job as (
      update jobs set state = 'running', entered_at = ${time(change.at)}, pid = ${pid}, change_id = ${change.changeId}
      where ${guard(job, "running")} returning id
    ), dispatch as (
      update dispatches set state = 'running', entered_at = ${time(change.at)}, change_id = ${change.changeId}
      where id = ${job.dispatchId} and state in (${
      stateList(dispatchSourcesOf("running"))
    }) and exists (select from job)
      returning id
    ), history as (${history(job, change, "assigned", "running", "placed", "running")}) select id from job`,
  );
  return written.length === 1;
}

/**
 * Stamps `connected` or `ready` on the job and, for the first such stage, on its dispatch. Not a change of state. The
 * same stamp again is true, because the first answer may have been lost.
 */
export async function stampJobStage(
  database: Database,
  job: JobKey,
  stage: "connected" | "ready",
  at: Date,
): Promise<boolean> {
  const column = sql.identifier(`${stage}_at`);
  const written = await rows(
    database,
    sql`with job as (
      update jobs set ${column} = ${time(at)}
      where id = ${job.jobId} and lease_token = ${job.leaseToken} and state = 'running'
        and coalesce(${column} = ${time(at)}, true) returning id
    ), dispatch as (
      update dispatches set ${column} = ${time(at)} where id = ${job.dispatchId} and exists (select from job)
    ) select id from job`,
  );
  return written.length === 1;
}

/** Ends a job and, with it, its dispatch. The stamps that were not yet written are taken along. */
export async function endJob(
  database: Database,
  job: JobKey,
  end: { state: "succeeded" | "failed" | "cancelled"; endReason: string; failure: JobFailureColumns | null },
  change: Change,
): Promise<boolean> {
  const { state, endReason, failure } = end;
  const written = await rows(
    database,
    sql`with before as (
      select j.state::text as job_state, d.state::text as dispatch_state
      from jobs j join dispatches d on d.id = j.dispatch_id where j.id = ${job.jobId}
    ), job as (
      update jobs set state = ${state}, ended_at = ${time(change.at)}, end_reason = ${endReason},
        failure_kind = ${failure?.kind ?? null}, failure_message = ${failure?.message ?? null},
        failure_fingerprint = ${failure?.fingerprint ?? null}, exit_code = ${failure?.exitCode ?? null}, signal = ${
      failure?.signal ?? null
    }, change_id = ${change.changeId}
      where ${guard(job, state)} returning id
    ), details as (
      insert into job_details (job_id, failure_stack)
      select id, ${failure?.stack ?? null} from job where ${failure?.stack ?? null}::text is not null
      on conflict (job_id) do update set failure_stack = excluded.failure_stack
    ), dispatch as (
      update dispatches set state = ${state}, ended_at = ${time(change.at)}, failure_code = ${failure?.code ?? null},
        failure_message = ${failure?.message ?? null}, failure_remedy = ${
      failure?.remedy ?? null
    }, change_id = ${change.changeId}
      where id = ${job.dispatchId} and state in (${stateList(dispatchSourcesOf(state))}) and exists (select from job)
      returning id
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${
      time(change.at)
    }, 'job'::transition_subject, ${job.dispatchId}::uuid, id, before.job_state, ${state}::text, ${change.cause},
        ${change.actor}, ${change.changeId}::uuid from job, before
      union all
      select gen_random_uuid(), ${
      time(change.at)
    }, 'dispatch'::transition_subject, id, null::uuid, before.dispatch_state, ${state}::text, ${change.cause},
        ${change.actor}, ${change.changeId}::uuid from dispatch, before
    ) select id from job`,
  );
  return written.length === 1;
}

/** The id of the last change of state that was written under our token; null when the job is not ours. */
export async function findJobChangeId(database: Database, job: JobKey): Promise<string | null> {
  const [found] = await rows<{ changeId: string }>(
    database,
    sql`select change_id as "changeId" from jobs where id = ${job.jobId} and lease_token = ${job.leaseToken}`,
  );
  return found?.changeId ?? null;
}

/** Jobs that `instanceId` still owns; read when an instance is known to be gone. */
export async function listLiveJobsOfInstance(database: Database, instanceId: string): Promise<JobKey[]> {
  return await rows<JobKey & Record<string, unknown>>(
    database,
    sql`select id as "jobId", dispatch_id as "dispatchId", lease_token as "leaseToken" from jobs
      where instance_id = ${instanceId} and state in ('created', 'assigned', 'running')`,
  );
}

function guard(job: JobKey, to: JobState): SQL {
  return sql`id = ${job.jobId} and lease_token = ${job.leaseToken} and state in (${stateList(jobSourcesOf(to))})`;
}

function history(
  job: JobKey,
  change: Change,
  jobFrom: JobState,
  jobTo: JobState,
  dispatchFrom: DispatchState,
  dispatchTo: DispatchState,
): SQL {
  return sql`insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
    select gen_random_uuid(), ${
    time(change.at)
  }, 'job'::transition_subject, ${job.dispatchId}::uuid, id, ${jobFrom}, ${jobTo}, ${change.cause},
      ${change.actor}, ${change.changeId}::uuid from job
    union all
    select gen_random_uuid(), ${
    time(change.at)
  }, 'dispatch'::transition_subject, id, null::uuid, ${dispatchFrom}, ${dispatchTo}, ${change.cause},
      ${change.actor}, ${change.changeId}::uuid from dispatch`;
}
