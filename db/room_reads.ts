/** Which dispatches and jobs belong to rooms that are live, for the Rooms page. Bounded by rooms × PER_ROOM. */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { DispatchState, JobState } from "./schema/states.ts";
import { rows } from "./statement.ts";

/** Newest dispatches of a room that are looked at, besides those that are live. */
const PER_ROOM = 10;
const MAX_JOBS = 10_000;

export interface RoomDispatch extends Record<string, unknown> {
  id: string;
  agent: string;
  room: string;
  state: DispatchState;
  waitingReason: string | null;
  failureMessage: string | null;
  /** ISO 8601, as all times here. */
  createdAt: string;
  /** When it is to start, when that is not at once. */
  scheduledAt: string | null;
  readyAt: string | null;
  endedAt: string | null;
}

export interface RoomJob extends Record<string, unknown> {
  dispatchId: string;
  participantIdentity: string;
  state: JobState;
  endedAt: string | null;
}

const iso = (column: string): SQL => sql.raw(`to_char(${column} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);

/** A list of texts as one parameter, so that the statement's text is always the same. */
const listed = (values: readonly string[]): SQL =>
  sql`(select value from jsonb_array_elements_text(${JSON.stringify(values)}::text::jsonb))`;

/** The live dispatches of these rooms, and the newest ended ones, newest first. */
export async function listDispatchesOfRooms(
  database: Database,
  { server, rooms }: { server: string; rooms: readonly string[] },
): Promise<RoomDispatch[]> {
  if (rooms.length === 0) return [];
  return await rows<RoomDispatch>(
    database,
    sql`select id, agent, room, state::text, waiting_reason as "waitingReason", failure_message as "failureMessage",
        ${iso("created_at")} as "createdAt", ${iso("scheduled_at")} as "scheduledAt", ${iso("ready_at")} as "readyAt",
        ${iso("ended_at")} as "endedAt"
      from dispatches where id in (
        select newest.id from ${listed(rooms)} named cross join lateral (
          select id from dispatches where room = named.value and server = ${server}
          order by created_at desc, id desc limit ${PER_ROOM}::int) newest
        union
        select id from dispatches where server = ${server} and room in ${listed(rooms)}
          and state in ('queued', 'placed', 'running')
      ) order by created_at desc, id desc`,
  );
}

/** Jobs of these dispatches, newest first. */
export async function listJobsOfDispatchIds(database: Database, dispatchIds: readonly string[]): Promise<RoomJob[]> {
  if (dispatchIds.length === 0) return [];
  return await rows<RoomJob>(
    database,
    sql`select dispatch_id as "dispatchId", participant_identity as "participantIdentity", state::text,
        ${iso("ended_at")} as "endedAt"
      from jobs where dispatch_id in (select value::uuid from jsonb_array_elements_text(${
      JSON.stringify(dispatchIds)
    }::text::jsonb))
      order by created_at desc, id desc limit ${MAX_JOBS}::int`,
  );
}
