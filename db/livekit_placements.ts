/**
 * Dispatches that LiveKit's server is to place: how long it may take, and how one that it gave to nobody comes into our own
 * queue. `not_before` of such a row is the time until which somebody watches it; the database's clock decides.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { WAITING_FOR_PARTICIPANT } from "./dispatches.ts";
import { type Change, rows, time } from "./statement.ts";

/** What a placement may take that has not even been asked for yet, from its request. */
const UNASKED_SECONDS = 30;
const BATCH = 100;

/** LiveKit has it under this id (AD_…) and is watched for so long; nothing is noted when it was assigned already. */
export async function noteLivekitAsked(
  database: Database,
  dispatchId: string,
  livekitDispatchId: string,
  watchedForMs: number,
): Promise<void> {
  await rows(
    database,
    sql`update dispatches set livekit_dispatch_id = ${livekitDispatchId},
        not_before = now() + make_interval(secs => ${String(watchedForMs / 1_000)}::text::float8)
      where id = ${dispatchId} and state = 'queued' and placement = 'livekit'`,
  );
}

/**
 * LiveKit gave it to nobody: from now on it waits in our queue and is placed directly. False when it was assigned, or ended,
 * meanwhile; an assignment that comes later is refused.
 * @param change its cause is shown in the dispatch's history.
 */
export async function queueUnplaced(
  database: Database,
  dispatchId: string,
  waitingReason: string,
  change: Change,
): Promise<boolean> {
  const moved = await rows(
    database,
    sql`with dispatch as (
      update dispatches set placement = 'direct', livekit_dispatch_id = null, not_before = null,
        waiting_reason = ${waitingReason}, change_id = ${change.changeId}
      where id = ${dispatchId} and state = 'queued' and placement = 'livekit' returning id
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, id, null::uuid, 'queued', 'queued',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch
    ) select id from dispatch`,
  );
  return moved.length === 1;
}

/** The agent does not want it, or LiveKit refused it. False when it was assigned, moved or ended meanwhile. */
export async function failUnplaced(
  database: Database,
  dispatchId: string,
  { code, message, remedy }: { code: string; message: string; remedy: string },
  change: Change,
): Promise<boolean> {
  const failed = await rows(
    database,
    sql`with dispatch as (
      update dispatches set state = 'failed', ended_at = ${time(change.at)}, waiting_reason = null,
        failure_code = ${code}, failure_message = ${message}, failure_remedy = ${remedy}, change_id = ${change.changeId}
      where id = ${dispatchId} and state = 'queued' and placement = 'livekit' returning id
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), ${time(change.at)}, 'dispatch'::transition_subject, id, null::uuid, 'queued', 'failed',
        ${change.cause}, ${change.actor}, ${change.changeId}::uuid from dispatch
    ) select id from dispatch`,
  );
  return failed.length === 1;
}

export interface UnwatchedPlacement extends Record<string, unknown> {
  id: string;
  agent: string;
  room: string;
  livekitDispatchId: string | null;
}

/** Those that nobody watches any more: their instance died, or could not write what became of them. Oldest first. */
export async function listUnwatchedPlacements(database: Database, server: string): Promise<UnwatchedPlacement[]> {
  return await rows<UnwatchedPlacement>(
    database,
    sql`select id, agent, room, livekit_dispatch_id as "livekitDispatchId" from dispatches
      where state = 'queued' and placement = 'livekit' and server = ${server}
        and waiting_reason is distinct from ${WAITING_FOR_PARTICIPANT}
        and coalesce(not_before, created_at + make_interval(secs => ${UNASKED_SECONDS}::int)) < now()
      order by created_at limit ${BATCH}`,
  );
}
