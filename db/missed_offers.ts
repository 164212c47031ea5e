/**
 * Jobs that LiveKit gave to nobody and that wait in our queue since: dispatches of origin "livekit" that are placed directly
 * from their first attempt on. `participant_identity` says for whom; those for a room keep LiveKit's own id.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { NewDispatch } from "./dispatches.ts";
import { rows, time } from "./statement.ts";

const MISSED = sql`origin = 'livekit' and placement = 'direct'`;
const BATCH = 200;

export interface WaitingOffer extends Record<string, unknown> {
  id: string;
  agent: string;
  room: string;
  participantIdentity: string | null;
  livekitDispatchId: string | null;
}

/** Those of a LiveKit server that have not been placed yet, oldest first. */
export async function listWaitingOffers(database: Database, server: string): Promise<WaitingOffer[]> {
  return await rows<WaitingOffer>(
    database,
    sql`select id, agent, room, participant_identity as "participantIdentity", livekit_dispatch_id as "livekitDispatchId"
      from dispatches where state = 'queued' and ${MISSED} and attempts = 0 and server = ${server}
      order by created_at limit ${BATCH}`,
  );
}

/** The one that waits for this participant (of LiveKit's dispatch, for a room), or is placed for it; null: none. */
export async function findMissedOffer(
  database: Database,
  { server, room, agent, participant, livekitDispatchId }: {
    server: string;
    room: string;
    agent: string;
    participant: string | null;
    livekitDispatchId: string;
  },
): Promise<string | null> {
  const [found] = await rows<{ id: string }>(
    database,
    sql`select id from dispatches where server = ${server} and room = ${room} and agent = ${agent}
      and state in ('queued', 'placed', 'running') and ${MISSED} and case when ${participant}::text is null
        then livekit_dispatch_id = ${livekitDispatchId} else participant_identity = ${participant}::text end limit 1`,
  );
  return found?.id ?? null;
}

/** Whether an instance had a job for its participant since then (of LiveKit's dispatch, when it is for a room). */
export async function wasServedSince(
  database: Database,
  { server, room, agent, participantIdentity, livekitDispatchId, unservedSince }:
    & Pick<NewDispatch, "server" | "room" | "agent" | "participantIdentity" | "livekitDispatchId">
    & { unservedSince: Date },
): Promise<boolean> {
  const found = await rows(
    database,
    participantIdentity === null
      ? sql`select 1 from dispatches where server = ${server} and livekit_dispatch_id = ${livekitDispatchId} limit 1`
      : sql`select 1 from jobs where server = ${server} and room = ${room} and agent = ${agent}
        and participant = ${participantIdentity} and created_at > ${time(unservedSince)} limit 1`,
  );
  return found.length > 0;
}

/** Whether another job of the agent serves this participant in this room. */
export async function isServedByAnother(
  database: Database,
  { server, room, agent, participantIdentity, jobId }: {
    server: string;
    room: string;
    agent: string;
    participantIdentity: string;
    jobId: string;
  },
): Promise<boolean> {
  const found = await rows(
    database,
    sql`select 1 from jobs where server = ${server} and room = ${room} and agent = ${agent} and id <> ${jobId}
      and participant = ${participantIdentity} and state in ('created', 'assigned', 'running') limit 1`,
  );
  return found.length > 0;
}
