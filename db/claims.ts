/**
 * Claims: an instance takes dispatches that wait, and their jobs are created, assigned to it, in the same statement. Rows
 * that another instance is taking are passed over (SKIP LOCKED), so two never take the same one and none waits for the other.
 */
import { type SQL, sql } from "drizzle-orm";
import { type ClaimScope, isClaimable } from "./claim_scope.ts";
import type { Database } from "./client.ts";
import type { DispatchWishes, NewJob } from "./dispatches.ts";
import { dispatchSourcesOf } from "./lifecycle.ts";
import type { Origin, Priority } from "./schema/states.ts";
import { type Change, rows, stateList, time } from "./statement.ts";

/** A dispatch taken from the queue, with what is needed to start its job. */
export interface ClaimedDispatch extends Record<string, unknown>, DispatchWishes {
  id: string;
  agent: string;
  server: string;
  room: string;
  priority: Priority;
  origin: Origin;
  retryOf: string | null;
  metadata: unknown;
  traceparent: string | null;
  attempt: number;
  createdAt: Date;
  jobId: string;
  /** As in NewDispatch. */
  participantIdentity: string | null;
  /** Identity of the job's own participant; empty when LiveKit has it from the offer. */
  jobIdentity: string;
}

/**
 * Agents of what could be claimed now, one entry per dispatch, best rank first.
 * @param free how many of each agent would fit.
 */
export async function listClaimable(
  database: Database,
  free: readonly { agent: string; count: number }[],
  scope: ClaimScope,
  limit: number,
): Promise<string[]> {
  const found = await rows<{ agent: string }>(
    database,
    sql`select wanted.agent from unnest(${texts(free.map(({ agent }) => agent))}, ${
      ints(free.map(({ count }) => count))
    }) as wanted (agent, free)
      cross join lateral (
        select rank_at from dispatches where dispatches.agent = wanted.agent and ${isClaimable(scope)}
        order by rank_at limit wanted.free
      ) waiting order by waiting.rank_at limit ${limit}::int`,
  );
  return found.map(({ agent }) => agent);
}

/** A slot that is reserved for a job of this agent, with the new job's id and lease. */
export interface ClaimSlot {
  agent: string;
  /** Template of the job's identity (core/agent/participant_identity.ts); null: agent-<job>. */
  identity: string | null;
  jobId: string;
  leaseToken: string;
}

/**
 * Takes one claimable dispatch per slot, each agent's best ranked first, for all agents in one statement: an index scan per
 * agent, whatever else waits. Fewer than slots when there are no more. Best rank first.
 */
export async function claimDispatches(
  database: Database,
  instanceId: string,
  slots: readonly ClaimSlot[],
  scope: ClaimScope,
  change: Change,
): Promise<ClaimedDispatch[]> {
  const claimed = await rows<RawClaim>(
    database,
    sql`with slot as (
      select *, row_number() over (partition by agent) as place from unnest(${texts(slots.map((s) => s.agent))},
        ${texts(slots.map((s) => s.identity))}, ${uuids(slots.map((s) => s.jobId))},
        ${uuids(slots.map((s) => s.leaseToken))}) as slot (agent, identity, job_id, lease_token)
    ), wanted as (select agent, count(*) as free from slot group by agent),
    candidate as (
      select waiting.* from wanted cross join lateral (
        select id, agent, rank_at from dispatches where dispatches.agent = wanted.agent and ${isClaimable(scope)}
        order by rank_at limit wanted.free for update skip locked
      ) waiting
    ), taken as (
      -- As an array, because the planner takes the limit above for thousands of rows, and would read the whole table.
      update dispatches set state = 'placed', attempts = attempts + 1, waiting_reason = null,
        assigned_at = ${time(change.at)}, change_id = ${change.changeId}
      where id = any(array(select id from candidate)) returning *
    ), dispatch as (
      select *, row_number() over (partition by agent order by rank_at) as place from taken
    ), job as (
      insert into jobs (id, dispatch_id, attempt, agent, server, room, participant, state, instance_id,
        participant_identity, lease_token, created_at, assigned_at, change_id)
      select slot.job_id, d.id, d.attempts, d.agent, d.server, d.room, d.participant_identity, 'assigned', ${instanceId},
        ${FILLED_IDENTITY}, slot.lease_token, ${time(change.at)}, ${time(change.at)}, ${change.changeId}
      from dispatch d join slot using (agent, place) returning id, dispatch_id, participant_identity
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, id, null::uuid, 'queued', 'placed',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch
      union all
      select gen_random_uuid(), ${time(change.at)}, 'job'::transition_subject, dispatch_id, id, null, 'assigned',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from job
    ) select ${CLAIMED}, job.id as "jobId", job.participant_identity as "jobIdentity"
      from dispatch d join job on job.dispatch_id = d.id order by d.rank_at`,
  );
  return claimed.map(parseClaim);
}

/** queued → placed for a dispatch of ours that LiveKit placed: its job is assigned to us. */
export async function assignLivekitJob(
  database: Database,
  dispatchId: string,
  livekitDispatchId: string,
  job: NewJob,
  change: Change,
): Promise<ClaimedDispatch | null> {
  const [claimed] = await rows<RawClaim>(
    database,
    sql`with dispatch as (
      update dispatches set state = 'placed', attempts = attempts + 1, waiting_reason = null, assigned_at = ${
      time(change.at)
    },
        livekit_dispatch_id = ${livekitDispatchId}, change_id = ${change.changeId}
      where id = ${dispatchId} and placement = 'livekit' and state in (${
      stateList(dispatchSourcesOf("placed"))
    }) returning *
    ), job as (
      insert into jobs (id, dispatch_id, attempt, agent, server, room, participant, state, instance_id, worker_id,
        participant_identity, livekit_job_id, lease_token, created_at, assigned_at, change_id)
      select ${job.id}::uuid, id, attempts, agent, server, room, ${job.participant}::text, 'assigned'::job_state,
        ${job.instanceId}::uuid, ${job.workerId}::uuid, ${job.participantIdentity}, ${job.livekitJobId}, ${job.leaseToken}::uuid,
        ${time(change.at)}, ${time(change.at)}, ${change.changeId}::uuid from dispatch returning id
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, id, null::uuid, 'queued', 'placed',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch
      union all
      select gen_random_uuid(), ${
      time(change.at)
    }, 'job'::transition_subject, ${dispatchId}::uuid, id, null, 'assigned',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from job
    ) select ${CLAIMED}, ${job.id}::text as "jobId", ''::text as "jobIdentity" from dispatch d`,
  );
  return claimed ? parseClaim(claimed) : null;
}

/** As the driver gives it: see client.ts. */
type RawClaim = Omit<ClaimedDispatch, "metadata" | "createdAt" | "scheduledAt" | "deadlineAt"> & {
  metadata: string | null;
  createdAtMs: string;
  scheduledAtMs: string | null;
  deadlineAtMs: string | null;
};

const CLAIMED = sql`d.id, d.agent, d.server, d.room, d.priority, d.origin, d.retry_of as "retryOf",
  d.metadata::text as metadata, d.traceparent, d.participant_identity as "participantIdentity", d.attempts as attempt,
  d.region, d.one_agent_per_room as "oneAgentPerRoom",
  (extract(epoch from d.created_at) * 1000)::bigint::text as "createdAtMs",
  (extract(epoch from d.scheduled_at) * 1000)::bigint::text as "scheduledAtMs",
  (extract(epoch from d.deadline_at) * 1000)::bigint::text as "deadlineAtMs"`;

function parseClaim({ metadata, createdAtMs, scheduledAtMs, deadlineAtMs, ...claimed }: RawClaim): ClaimedDispatch {
  return {
    ...claimed,
    metadata: metadata === null ? null : JSON.parse(metadata),
    createdAt: new Date(Number(createdAtMs)),
    scheduledAt: scheduledAtMs === null ? null : new Date(Number(scheduledAtMs)),
    deadlineAt: deadlineAtMs === null ? null : new Date(Number(deadlineAtMs)),
  } as ClaimedDispatch;
}

/** participantIdentityOf in SQL, because only the claim knows which dispatch a job is for. */
const FILLED_IDENTITY = sql`case when slot.identity is null then 'agent-' || slot.job_id
  else (select left(replace(replace(replace(replace(slot.identity, '{jobId}', slot.job_id::text), '{agent}', d.agent),
      '{room}', d.room), '{participant}', coalesce(d.participant_identity, '')), 256 - length(suffix)) || suffix
    from (select case when slot.identity not like '%{jobId}%' and d.attempts > 1 then '-' || d.attempts else '' end) s (suffix)
  ) end`;

/** Array parameters, as one text each: elements are quoted, so they may hold anything. */
function texts(values: readonly (string | null)[]): SQL {
  const quoted = values.map((value) => value === null ? "null" : `"${value.replace(/[\\"]/g, "\\$&")}"`);
  return sql`${`{${quoted.join(",")}}`}::text::text[]`;
}

function ints(values: readonly number[]): SQL {
  return sql`${`{${values.join(",")}}`}::text::int[]`;
}

function uuids(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::text::uuid[]`;
}
