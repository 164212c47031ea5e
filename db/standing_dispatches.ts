/**
 * Standing dispatches: LiveKit placed them, and starts a job for each participant (or publisher) of the room. They run until
 * their room ends or LiveKit's dispatch is deleted, whoever comes and goes meanwhile.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { type NewJob, WAITING_FOR_PARTICIPANT } from "./dispatches.ts";
import type { DispatchState } from "./schema/states.ts";
import { type Change, rows, time } from "./statement.ts";

const LIVE_DISPATCH = sql`state in ('queued', 'placed', 'running')`;

export interface AddedJob {
  dispatchId: string;
  attempt: number;
  traceparent: string | null;
}

/**
 * Adds the job of one more participant to a dispatch that runs already, found by our id or LiveKit's. Null when there is no
 * such dispatch, or when it has a live job for this participant already.
 */
export async function addParticipantJob(
  database: Database,
  { server, dispatchId, livekitDispatchId }: { server: string; dispatchId: string | null; livekitDispatchId: string },
  job: NewJob,
  change: Change,
): Promise<AddedJob | null> {
  const found = dispatchId === null
    ? sql`server = ${server} and livekit_dispatch_id = ${livekitDispatchId}`
    : sql`id = ${dispatchId}`;
  const [added] = await rows<AddedJob & Record<string, unknown>>(
    database,
    sql`with dispatch as (
      update dispatches set attempts = attempts + 1 where ${found} and state in ('placed', 'running')
        and placement = 'livekit' and participant_identity is null and ${job.participant}::text is not null
        and not exists (select from jobs where dispatch_id = dispatches.id and participant = ${job.participant}
          and state in ('created', 'assigned', 'running'))
      returning id, agent, server, room, traceparent
    ), job as (
      insert into jobs (id, dispatch_id, attempt, agent, server, room, participant, state, instance_id, worker_id,
        participant_identity, livekit_job_id, lease_token, created_at, assigned_at, change_id)
      select ${job.id}::uuid, id, 1 + (select count(*) from jobs where dispatch_id = dispatch.id
          and participant = ${job.participant})::int, agent, server, room, ${job.participant}::text,
        'assigned'::job_state, ${job.instanceId}::uuid, ${job.workerId}::uuid, ${job.participantIdentity},
        ${job.livekitJobId}, ${job.leaseToken}::uuid, ${time(change.at)}, ${time(change.at)}, ${change.changeId}::uuid
      from dispatch returning id, dispatch_id, attempt
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'job'::transition_subject, dispatch_id, id, null, 'assigned',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from job
    ) select job.dispatch_id as "dispatchId", job.attempt, dispatch.traceparent from job, dispatch`,
  );
  return added ?? null;
}

export interface StandingDispatch {
  id: string;
  room: string;
  livekitDispatchId: string;
  hasLiveJob: boolean;
}

/** Those of one LiveKit server that may have ended, oldest first. */
export async function listStandingDispatches(
  database: Database,
  server: string,
  limit: number,
): Promise<StandingDispatch[]> {
  return await rows<StandingDispatch & Record<string, unknown>>(
    database,
    sql`select d.id, d.room, d.livekit_dispatch_id as "livekitDispatchId",
        exists (select from jobs j where j.dispatch_id = d.id and j.state in ('created', 'assigned', 'running'))
          as "hasLiveJob"
      from dispatches d where d.server = ${server} and ${LIVE_DISPATCH} and d.placement = 'livekit'
        and d.participant_identity is null and d.livekit_dispatch_id is not null
        and case when d.state = 'queued' then d.waiting_reason = ${WAITING_FOR_PARTICIPANT}
          else exists (select from jobs j where j.dispatch_id = d.id and j.participant is not null) end
      order by d.created_at limit ${limit}`,
  );
}

/** Ends one without a live job. False when it has one, or has ended. */
export async function endStandingDispatch(
  database: Database,
  dispatchId: string,
  to: Extract<DispatchState, "succeeded" | "cancelled">,
  change: Change,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`with before as (select id, state::text from dispatches where id = ${dispatchId}), dispatch as (
      update dispatches set ended_at = ${time(change.at)}, waiting_reason = null, change_id = ${change.changeId},
        state = case when state = 'queued' then 'cancelled'::dispatch_state else ${to}::dispatch_state end
      where id = ${dispatchId} and ${LIVE_DISPATCH} and placement = 'livekit' and not exists (
        select from jobs where dispatch_id = ${dispatchId} and state in ('created', 'assigned', 'running'))
      returning id, state::text
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, dispatch.id, null::uuid,
        before.state, dispatch.state, ${change.cause}, ${change.actor}, ${change.changeId}::uuid
      from dispatch join before using (id)
    ) select id from dispatch`,
  );
  return written.length === 1;
}

/** Says that a dispatch which LiveKit has taken waits for a participant, not for a worker. */
export async function waitForParticipant(database: Database, dispatchId: string): Promise<void> {
  await rows(
    database,
    sql`update dispatches set waiting_reason = ${WAITING_FOR_PARTICIPANT} where id = ${dispatchId} and state = 'queued'`,
  );
}
