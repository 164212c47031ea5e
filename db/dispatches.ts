/**
 * Writes of dispatches that have no running job: storing, claiming, cancelling, giving up. Each is one guarded
 * statement that also writes the history. Null or an empty list means: the guard refused, nothing was changed.
 */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { dispatchSourcesOf } from "./lifecycle.ts";
import type { DispatchState, OneAgentPerRoom, Origin, Placement, Priority } from "./schema/states.ts";
import { type Change, json, rows, rowsUnderLock, stateList, time } from "./statement.ts";

/** A dispatch that LiveKit has, whose first job begins when somebody comes (or publishes). */
export const WAITING_FOR_PARTICIPANT = "waiting_for_participant";

/** What the caller asked for besides an agent in a room; absent: nothing. */
export interface DispatchWishes {
  region: string | null;
  /** What to do when this agent is in the room already; null: there may be several. */
  oneAgentPerRoom: OneAgentPerRoom | null;
  /** Not claimable before. */
  scheduledAt: Date | null;
  /** Expires when it is not ready by then. */
  deadlineAt: Date | null;
}

export interface NewDispatch extends Partial<DispatchWishes> {
  id: string;
  agent: string;
  server: string;
  room: string;
  priority: Priority;
  placement: Placement;
  origin: Origin;
  retryOf: string | null;
  livekitDispatchId: string | null;
  metadata: unknown;
  traceparent: string | null;
  rankAt: Date;
  waitingReason: string | null;
  /** The participant that the agent is wanted for; null for room agents, and when LiveKit picks the participants. */
  participantIdentity: string | null;
  /** Rule that asked for it. */
  ruleId?: string;
}

export interface NewJob {
  id: string;
  attempt: number;
  participant: string | null;
  participantIdentity: string;
  instanceId: string;
  workerId: string | null;
  livekitJobId: string | null;
  leaseToken: string;
}

export interface IdempotencyKey {
  key: string;
  bodyHash: string;
  expiresAt: Date;
}

/** What a rule acts on: one life of a room, or one participant in it. It is taken together with the dispatch, once. */
export interface RuleMatch {
  ruleId: string;
  roomSid: string;
  /** Empty for a room. */
  participantSid: string;
}

/** Makes that a request is stored once, however often it comes. */
export type OnceKey = IdempotencyKey | RuleMatch;

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
 * Stores a dispatch together with its first job, assigned to us: `placed`. Refused (null) when a claimable dispatch of
 * the same agent ranks before it (unless it `mayOvertake`: LiveKit has chosen already), when the idempotency key is in
 * use, or when the agent is in the room and may be there once.
 */
export async function insertPlacedDispatch(
  database: Database,
  dispatch: NewDispatch,
  job: NewJob,
  change: Change,
  idempotency: OnceKey | null,
  { mayOvertake = false }: { mayOvertake?: boolean } = {},
): Promise<boolean> {
  const nothingAhead = mayOvertake
    ? sql`true`
    : sql`not exists (select from dispatches where agent = ${dispatch.agent} and state = 'queued'
    and placement = 'direct' and rank_at <= ${time(dispatch.rankAt)} and coalesce(not_before <= now(), true))`;
  const written = await newRows(
    database,
    dispatch,
    sql`with ${keyCte(dispatch.id, idempotency, sql`${nothingAhead}${roomIsFree(dispatch)}`)}, dispatch as (
      ${insertDispatch(dispatch, "placed", change)} from key returning id
    ), job as (${insertJob(dispatch, job, change)} from dispatch returning id),
    history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${
      time(change.at)
    }, 'dispatch'::transition_subject, id, null::uuid, null, 'placed', ${change.cause},
        ${change.actor}, ${change.changeId}::uuid from dispatch
      union all
      select gen_random_uuid(), ${
      time(change.at)
    }, 'job'::transition_subject, ${dispatch.id}::uuid, id, null, 'assigned',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from job
    ) select id from dispatch`,
  );
  return written.length === 1;
}

/**
 * Stores a dispatch that waits: `queued`. False when the agent's queue is full, the idempotency key is in use, or the
 * agent is in the room and may be there once.
 */
export async function insertQueuedDispatch(
  database: Database,
  dispatch: NewDispatch,
  queueCapacity: number,
  change: Change,
  idempotency: OnceKey | null,
): Promise<boolean> {
  const hasRoom = sql`(select count(*) from (select from dispatches where agent = ${dispatch.agent} and state = 'queued'
    limit ${queueCapacity}) waiting) < ${queueCapacity}`;
  const written = await newRows(
    database,
    dispatch,
    sql`with ${keyCte(dispatch.id, idempotency, sql`${hasRoom}${roomIsFree(dispatch)}`)}, dispatch as (
      ${insertDispatch(dispatch, "queued", change)} from key returning id
    ), history as (${dispatchHistory(null, "queued", change)}) select id from dispatch`,
  );
  return written.length === 1;
}

/** Whether the agent has a dispatch that could be claimed now. */
export async function hasClaimable(database: Database, agent: string): Promise<boolean> {
  const found = await rows(
    database,
    sql`select 1 from dispatches where agent = ${agent} and state = 'queued' and placement = 'direct'
      and coalesce(not_before <= now(), true) limit 1`,
  );
  return found.length > 0;
}

/**
 * Takes up to `jobs.length` of the agent's claimable dispatches, best rank first, and creates their jobs, assigned to
 * us. Rows that another instance is taking are passed over (SKIP LOCKED).
 * @param identity template of the jobs' identities (core/agent/participant_identity.ts); null: agent-<job>.
 */
export async function claimDispatches(
  database: Database,
  agent: string,
  instanceId: string,
  jobs: readonly { id: string; leaseToken: string }[],
  change: Change,
  identity: string | null = null,
): Promise<ClaimedDispatch[]> {
  const claimed = await rows<RawClaim>(
    database,
    sql`with free as (
      select id, lease_token, ordinality from unnest(${uuids(jobs.map((j) => j.id))}, ${
      uuids(jobs.map((j) => j.leaseToken))
    })
        with ordinality as free (id, lease_token, ordinality)
    ), candidate as (
      select id, rank_at from dispatches where agent = ${agent} and state = 'queued' and placement = 'direct'
        and coalesce(not_before <= now(), true)
      order by rank_at limit ${jobs.length} for update skip locked
    ), ranked as (select id, row_number() over (order by rank_at) as ordinality from candidate),
    dispatch as (
      update dispatches d set state = 'placed', attempts = d.attempts + 1, waiting_reason = null,
        assigned_at = ${time(change.at)}, change_id = ${change.changeId}
      from ranked where d.id = ranked.id
      returning d.*, ranked.ordinality
    ), job as (
      insert into jobs (id, dispatch_id, attempt, agent, server, room, participant, state, instance_id,
        participant_identity, lease_token, created_at, assigned_at, change_id)
      select free.id, d.id, d.attempts, d.agent, d.server, d.room, d.participant_identity, 'assigned', ${instanceId},
        ${filledIdentity(identity)}, free.lease_token, ${time(change.at)}, ${time(change.at)}, ${change.changeId}
      from dispatch d join free using (ordinality) returning id, dispatch_id, participant_identity
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, id, null::uuid, 'queued', 'placed',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch
      union all
      select gen_random_uuid(), ${
      time(change.at)
    }, 'job'::transition_subject, dispatch_id, id, null, 'assigned', ${change.cause},
        ${change.actor}, ${change.changeId}::uuid from job
    ) select ${CLAIMED}, job.id as "jobId", job.participant_identity as "jobIdentity" from dispatch d join job on job.dispatch_id = d.id order by d.ordinality`,
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

/** Notes LiveKit's AD_… id on our dispatch, unless the assignment was quicker and did. */
export async function noteLivekitDispatchId(
  database: Database,
  dispatchId: string,
  livekitDispatchId: string,
): Promise<void> {
  await rows(
    database,
    sql`update dispatches set livekit_dispatch_id = ${livekitDispatchId} where id = ${dispatchId} and livekit_dispatch_id is null`,
  );
}

/** Ends a dispatch that has no live job: cancelled, failed or expired. */
export async function endWaitingDispatch(
  database: Database,
  dispatchId: string,
  to: "cancelled" | "failed" | "expired",
  failure: { code: string; message: string; remedy: string } | null,
  change: Change,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`with dispatch as (
      update dispatches set state = ${to}, ended_at = ${time(change.at)}, waiting_reason = null, failure_code = ${
      failure?.code ?? null
    },
        failure_message = ${failure?.message ?? null}, failure_remedy = ${
      failure?.remedy ?? null
    }, change_id = ${change.changeId}
      where id = ${dispatchId} and state = 'queued' returning id
    ), history as (${dispatchHistory("queued", to, change)}) select id from dispatch`,
  );
  return written.length === 1;
}

/** Dispatches that one statement expires at the most. */
const EXPIRE_BATCH = 200;

/**
 * queued → expired, by the database's clock, for those whose deadline is over and of which no attempt was ever ready.
 * @param messages by waiting reason ("" for none): why it was not ready in time.
 * @returns their ids.
 */
export async function expireWaitingDispatches(
  database: Database,
  messages: Readonly<Record<string, string>>,
  failure: { code: string; message: string; remedy: string },
  change: Change,
): Promise<string[]> {
  const expired = await rows<{ id: string }>(
    database,
    sql`with late as (
      select id from dispatches d where state = 'queued' and deadline_at <= now() and not ${WAS_READY}
      order by deadline_at limit ${EXPIRE_BATCH}::int for update skip locked
    ), dispatch as (
      update dispatches d set state = 'expired', ended_at = ${time(change.at)}, failure_code = ${failure.code},
        failure_message = coalesce(${json(messages)} ->> coalesce(waiting_reason, ''), ${failure.message}),
        failure_remedy = ${failure.remedy}, waiting_reason = null, change_id = ${change.changeId}
      from late where d.id = late.id returning d.id
    ), history as (${dispatchHistory("queued", "expired", change)}) select id from dispatch`,
  );
  return expired.map(({ id }) => id);
}

/** Jobs of an instance that are not ready though their dispatch's deadline is over, by the database's clock. */
export async function listJobsPastDeadline(
  database: Database,
  instanceId: string,
): Promise<{ jobId: string; dispatchId: string }[]> {
  return await rows(
    database,
    sql`select j.id as "jobId", d.id as "dispatchId" from jobs j join dispatches d on d.id = j.dispatch_id
      where j.instance_id = ${instanceId} and j.state in ('created', 'assigned', 'running') and d.deadline_at <= now()
        and not ${WAS_READY}`,
  );
}

/** A deadline is met once an attempt was ready; what happens to that one later is no reason to expire. */
const WAS_READY = sql`(d.ready_at is not null
  or exists (select from jobs where dispatch_id = d.id and ready_at is not null))`;

/** The dispatch that is (or will be) in the room with the agent; of a participant's agent: for that participant. */
export async function findLiveDispatchInRoom(
  database: Database,
  { server, room, agent, participantIdentity }: Pick<NewDispatch, "server" | "room" | "agent" | "participantIdentity">,
): Promise<string | null> {
  const [found] = await rows<{ id: string }>(
    database,
    sql`select id from dispatches where ${
      inRoom(server, room, agent, participantIdentity)
    } order by created_at limit 1`,
  );
  return found?.id ?? null;
}

/** Ends LiveKit placements whose watcher died with its instance; those younger than any watch (15 s) are left alone. */
export async function endStaleLivekitPlacements(
  database: Database,
  failure: { code: string; message: string; remedy: string },
  change: Change,
): Promise<number> {
  const ended = await rows(
    database,
    sql`with dispatch as (
      update dispatches set state = 'failed', ended_at = ${time(change.at)}, failure_code = ${failure.code},
        failure_message = ${failure.message}, failure_remedy = ${failure.remedy}, change_id = ${change.changeId}
      where state = 'queued' and placement = 'livekit' and created_at < now() - interval '15 seconds'
        and waiting_reason is distinct from ${WAITING_FOR_PARTICIPANT} returning id
    ), history as (${dispatchHistory("queued", "failed", change)}) select id from dispatch`,
  );
  return ended.length;
}

/** Says in the row why the agent's dispatches still wait (null: just for a slot). */
export async function setWaitingReason(database: Database, agent: string, reason: string | null): Promise<void> {
  await rows(
    database,
    sql`update dispatches set waiting_reason = ${reason}
      where agent = ${agent} and state = 'queued' and placement = 'direct' and waiting_reason is distinct from ${reason}`,
  );
}

/**
 * The key is taken first and in the same statement: when it is in use (and not expired) nothing else is written, because
 * every following insert selects from this CTE. A rule that is disabled or gone takes nothing.
 */
function keyCte(dispatchId: string, idempotency: OnceKey | null, condition: SQL): SQL {
  if (!idempotency) return sql`key as (select 1 where ${condition})`;
  if ("ruleId" in idempotency) {
    const { ruleId, roomSid, participantSid } = idempotency;
    return sql`key as (
      insert into rule_matches (rule_id, room_sid, participant_sid, dispatch_id, at)
      select id, ${roomSid}, ${participantSid}, ${dispatchId}::uuid, now() from rules
      where id = ${ruleId}::uuid and is_enabled and ${condition}
      on conflict do nothing returning 1)`;
  }
  return sql`key as (
    insert into idempotency_keys (key, body_hash, dispatch_id, expires_at)
    select ${idempotency.key}, ${idempotency.bodyHash}, ${dispatchId}::uuid, ${
    time(idempotency.expiresAt)
  } where ${condition}
    on conflict (key) do update set body_hash = excluded.body_hash, dispatch_id = excluded.dispatch_id, expires_at = excluded.expires_at
    where idempotency_keys.expires_at <= now() returning 1)`;
}

/** Requests that may find their agent in the room go one after another, so that each sees the one before. */
async function newRows(database: Database, dispatch: NewDispatch, statement: SQL): Promise<unknown[]> {
  if (!dispatch.oneAgentPerRoom) return await rows(database, statement);
  return await rowsUnderLock(database, JSON.stringify([dispatch.server, dispatch.room, dispatch.agent]), statement);
}

/** A further condition of an insert; nothing when several may be in the room. */
function roomIsFree({ server, room, agent, participantIdentity, oneAgentPerRoom }: NewDispatch): SQL {
  if (!oneAgentPerRoom) return sql``;
  return sql` and not exists (select from dispatches where ${inRoom(server, room, agent, participantIdentity)})`;
}

function inRoom(server: string, room: string, agent: string, participantIdentity: string | null): SQL {
  return sql`server = ${server} and room = ${room} and agent = ${agent} and state in ('queued', 'placed', 'running')
    and participant_identity is not distinct from ${participantIdentity}::text`;
}

function insertDispatch(dispatch: NewDispatch, state: DispatchState, change: Change): SQL {
  const isPlaced = state === "placed";
  return sql`insert into dispatches (id, agent, server, room, state, priority, placement, origin, retry_of, livekit_dispatch_id,
      metadata, traceparent, participant_identity, rule_id, attempts, rank_at, waiting_reason, created_at, assigned_at, change_id,
      region, one_agent_per_room, scheduled_at, not_before, deadline_at)
    select ${dispatch.id}::uuid, ${dispatch.agent}, ${dispatch.server}, ${dispatch.room}, ${state}::dispatch_state,
      ${dispatch.priority}::dispatch_priority, ${dispatch.placement}::dispatch_placement, ${dispatch.origin}::dispatch_origin,
      ${dispatch.retryOf}::uuid, ${dispatch.livekitDispatchId}, ${
    json(dispatch.metadata)
  }, ${dispatch.traceparent}, ${dispatch.participantIdentity},
      ${dispatch.ruleId ?? null}::uuid, ${isPlaced ? 1 : 0}::int, ${time(dispatch.rankAt)}, ${
    isPlaced ? null : dispatch.waitingReason
  }, ${time(change.at)},
      ${time(isPlaced ? change.at : null)}, ${change.changeId}::uuid, ${dispatch.region ?? null},
      ${dispatch.oneAgentPerRoom ?? null}, ${time(dispatch.scheduledAt)}, ${time(dispatch.scheduledAt)},
      ${time(dispatch.deadlineAt)}`;
}

function insertJob(dispatch: NewDispatch, job: NewJob, change: Change): SQL {
  return sql`insert into jobs (id, dispatch_id, attempt, agent, server, room, participant, state, instance_id, worker_id,
      participant_identity, livekit_job_id, lease_token, created_at, assigned_at, change_id)
    select ${job.id}::uuid, id, ${job.attempt}::int, ${dispatch.agent}, ${dispatch.server}, ${dispatch.room}, ${job.participant},
      'assigned'::job_state, ${job.instanceId}::uuid, ${job.workerId}::uuid, ${job.participantIdentity}, ${job.livekitJobId},
      ${job.leaseToken}::uuid, ${time(change.at)}, ${time(change.at)}, ${change.changeId}::uuid`;
}

/** participantIdentityOf in SQL, because only the claim knows which dispatch a job is for. */
function filledIdentity(template: string | null): SQL {
  if (template === null) return sql`'agent-' || free.id`;
  const suffix = template.includes("{jobId}")
    ? sql`''`
    : sql`case when d.attempts > 1 then '-' || d.attempts else '' end`;
  return sql`left(replace(replace(replace(replace(${template}::text, '{jobId}', free.id::text), '{agent}', d.agent),
    '{room}', d.room), '{participant}', coalesce(d.participant_identity, '')), 256 - length(${suffix})) || ${suffix}`;
}

function dispatchHistory(from: DispatchState | null, to: DispatchState, change: Change): SQL {
  return sql`insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
    select gen_random_uuid(), ${
    time(change.at)
  }, 'dispatch'::transition_subject, id, null::uuid, ${from}::text, ${to}::text,
      ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch`;
}

function uuids(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::text::uuid[]`;
}
