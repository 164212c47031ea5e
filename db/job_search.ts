/** The jobs list: dispatches with their attempts, newest first, filtered by what the search field's qualifiers say. */
import { and, asc, desc, eq, gte, ilike, inArray, like, or, type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { DispatchWithJobs, PageRequest } from "./dispatch_reads.ts";
import { dispatches } from "./schema/dispatches.ts";
import { jobs } from "./schema/jobs.ts";
import type { DispatchState, Origin, Priority } from "./schema/states.ts";

/** Several values of one field: any of them. Empty: not asked for. */
export interface JobFilter {
  states: DispatchState[];
  agents: string[];
  /** A name, or its beginning with "*" at the end. */
  rooms: string[];
  /** Parts of the error's text, or its code. */
  errors: string[];
  priorities: Priority[];
  origins: Origin[];
  /** Ids of dispatches or jobs, or their ends. */
  ids: string[];
  /** Parts of the room's name, all of them. */
  words: string[];
  /** Top-level members of the metadata, all of them, compared as text. */
  metadata: { name: string; value: string }[];
  since: Date | null;
}

export async function searchDispatches(
  database: Database,
  { limit, cursor }: PageRequest,
  filter: JobFilter,
): Promise<DispatchWithJobs[]> {
  const after = cursor === null
    ? undefined
    : sql`(${dispatches.createdAt}, ${dispatches.id}) < (${cursor.createdAt.toISOString()}::timestamptz, ${cursor.id}::uuid)`;
  const found = await database.db.select().from(dispatches).where(and(...conditionsOf(filter), after))
    .orderBy(desc(dispatches.createdAt), desc(dispatches.id)).limit(limit);
  const ids = found.map(({ id }) => id);
  const itsJobs = ids.length === 0
    ? []
    : await database.db.select().from(jobs).where(inArray(jobs.dispatchId, ids)).orderBy(asc(jobs.attempt));
  return found.map((dispatch) => ({ dispatch, jobs: itsJobs.filter(({ dispatchId }) => dispatchId === dispatch.id) }));
}

function conditionsOf(filter: JobFilter): (SQL | undefined)[] {
  const among = <T>(values: readonly T[], condition: (value: T) => SQL | undefined) =>
    values.length === 0 ? undefined : or(...values.map(condition));
  return [
    filter.states.length === 0 ? undefined : inArray(dispatches.state, filter.states),
    filter.agents.length === 0 ? undefined : inArray(dispatches.agent, filter.agents),
    among(
      filter.rooms,
      (room) =>
        room.endsWith("*") ? like(dispatches.room, `${escapeLike(room.slice(0, -1))}%`) : eq(dispatches.room, room),
    ),
    among(
      filter.errors,
      (text) => or(ilike(dispatches.failureMessage, `%${escapeLike(text)}%`), eq(dispatches.failureCode, text)),
    ),
    filter.priorities.length === 0 ? undefined : inArray(dispatches.priority, filter.priorities),
    filter.origins.length === 0 ? undefined : inArray(dispatches.origin, filter.origins),
    among(filter.ids, (id) => idCondition(id.toLowerCase())),
    ...filter.words.map((word) => ilike(dispatches.room, `%${escapeLike(word)}%`)),
    ...filter.metadata.map(({ name, value }) => sql`${dispatches.metadata}->>${name} = ${value}`),
    filter.since === null ? undefined : gte(dispatches.createdAt, filter.since),
  ];
}

/** A whole id goes by the keys' indexes; an end of one is compared as text. */
function idCondition(id: string): SQL | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    return sql`${dispatches.id}::text like ${`%${escapeLike(id)}`}`;
  }
  return or(eq(dispatches.id, id), sql`${dispatches.id} = (select dispatch_id from jobs where id = ${id}::uuid)`);
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}
