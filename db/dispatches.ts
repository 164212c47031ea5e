/**
 * Writes of dispatches that have no running job: storing, cancelling, giving up (claiming: claims.ts). Each is one guarded
 * statement that also writes the history. Null or an empty list means: the guard refused, nothing was changed.
 */
import { type SQL, sql } from "drizzle-orm";
import { ANY_REGION, type ClaimScope, isClaimable } from "./claim_scope.ts";
import type { Database } from "./client.ts";
import type { DispatchState, OneAgentPerRoom, Origin, Placement, Priority } from "./schema/states.ts";
import { type Change, json, rows, rowsUnderLock, time } from "./statement.ts";

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
  /** Not stored beside another live dispatch of its agent in its room; unlike a wish, not remembered. */
  isAlone?: boolean;
  /**
   * Not stored when LiveKit has given it to an instance after all: while a job serves its participant, when one did since
   * then, or when there is a dispatch under LiveKit's id.
   */
  unservedSince?: Date;
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
  { mayOvertake = false, scope = ANY_REGION }: { mayOvertake?: boolean; scope?: ClaimScope } = {},
): Promise<boolean> {
  const nothingAhead = mayOvertake
    ? sql`true`
    : sql`not exists (select from dispatches where agent = ${dispatch.agent} and ${isClaimable(scope)}
    and rank_at <= ${time(dispatch.rankAt)})`;
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
  if (!dispatch.oneAgentPerRoom && !dispatch.isAlone) return await rows(database, statement);
  return await rowsUnderLock(database, JSON.stringify([dispatch.server, dispatch.room, dispatch.agent]), statement);
}

/** A further condition of an insert; nothing when several may be in the room. */
function roomIsFree(dispatch: NewDispatch): SQL {
  const { server, room, agent, participantIdentity, oneAgentPerRoom, isAlone, unservedSince } = dispatch;
  const unserved = isUnserved(dispatch, unservedSince);
  if (!oneAgentPerRoom && !isAlone) return unserved;
  return sql` and not exists (select from dispatches where ${
    inRoom(server, room, agent, participantIdentity)
  })${unserved}`;
}

/** A further condition: nothing says that LiveKit has given it to an instance after all. */
function isUnserved(
  { server, room, agent, participantIdentity, livekitDispatchId }: NewDispatch,
  since: Date | undefined,
): SQL {
  if (since === undefined) return sql``;
  return participantIdentity === null
    ? sql` and not exists (select from dispatches where server = ${server} and livekit_dispatch_id = ${livekitDispatchId})`
    : sql` and not exists (select from jobs where server = ${server} and room = ${room} and agent = ${agent}
      and participant = ${participantIdentity}
      and (state in ('created', 'assigned', 'running') or created_at > ${time(since)}))`;
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

function dispatchHistory(from: DispatchState | null, to: DispatchState, change: Change): SQL {
  return sql`insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
    select gen_random_uuid(), ${
    time(change.at)
  }, 'dispatch'::transition_subject, id, null::uuid, ${from}::text, ${to}::text,
      ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch`;
}
