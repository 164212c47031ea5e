/**
 * The jobs list: dispatches with what their last attempt says, newest first, filtered by what the search field's
 * qualifiers say.
 *
 * State, one agent, whole room names, whole ids and time go by indexes. Everything else (parts of texts, metadata) must look
 * at rows one by one: it looks at SCAN_ROWS of those that the indexes give, newest first, and tells where it stopped, so
 * that a search for what hardly exists costs no more than one for what is everywhere, however many rows there are.
 */
import { and, eq, gte, ilike, inArray, like, or, type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { PageRequest } from "./dispatch_reads.ts";
import type { Cursor } from "./page.ts";
import { dispatches } from "./schema/dispatches.ts";
import type { DispatchState, Origin, Priority } from "./schema/states.ts";
import { plannedRows, rows } from "./statement.ts";

export const SCAN_ROWS = 5_000;
/** Ends of ids are looked for further back: who has one wants that dispatch, not the newest. */
const SCAN_ROWS_FOR_IDS = 100_000;
/** Longest part of an error's text in the list. */
const MAX_MESSAGE_CHARS = 500;

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

/** One dispatch of the list. Times in milliseconds since the epoch. */
export interface FoundDispatch extends Record<string, unknown> {
  id: string;
  state: DispatchState;
  agent: string;
  room: string;
  priority: Priority;
  origin: Origin;
  createdAtMs: number;
  assignedAtMs: number | null;
  enteredAtMs: number | null;
  connectedAtMs: number | null;
  readyAtMs: number | null;
  endedAtMs: number | null;
  failureCode: string | null;
  failureMessage: string | null;
  waitingReason: string | null;
  /** Its jobs; 0: none was started. */
  jobs: number;
  /** Of its last job. */
  endReason: string | null;
  instanceId: string | null;
  jobEnteredAtMs: number | null;
}

export interface SearchResult {
  found: FoundDispatch[];
  /** Where looking at rows one by one was stopped: older ones were not looked at. Null: all were. */
  stoppedAt: Cursor | null;
}

export async function searchDispatches(
  database: Database,
  { limit, cursor }: PageRequest,
  filter: JobFilter,
): Promise<SearchResult> {
  const after = cursor === null
    ? undefined
    : sql`(${dispatches.createdAt}, ${dispatches.id}) < (${cursor.createdAt.toISOString()}::timestamptz, ${cursor.id}::uuid)`;
  const indexed = and(...indexedConditions(filter), after) ?? sql`true`;
  const scanned = and(...scannedConditions(filter));
  if (!scanned) return { found: await listFound(database, indexed, limit, filter), stoppedAt: null };
  const scanRows = filter.ids.length > 0 ? SCAN_ROWS_FOR_IDS : SCAN_ROWS;
  // Under the table's own name, which the conditions use.
  const newest =
    sql`(select * from dispatches where ${indexed} order by created_at desc, id desc limit ${scanRows}::int)`;
  const found = await plannedRows<FoundDispatch>(
    database,
    statementOf(sql`${newest} dispatches where ${scanned}`, limit),
  );
  return { found, stoppedAt: found.length === limit ? null : await findNth(database, indexed, scanRows) };
}

/** The list without a filter is asked for all the time: its statement is prepared; others are planned for their values. */
function listFound(database: Database, condition: SQL, limit: number, filter: JobFilter): Promise<FoundDispatch[]> {
  const read = indexedConditions(filter).some((each) => each !== undefined) ? plannedRows : rows;
  return read<FoundDispatch>(database, statementOf(sql`dispatches where ${condition}`, limit));
}

function statementOf(source: SQL, limit: number): SQL {
  const ms = (column: string) => sql.raw(`(extract(epoch from ${column}) * 1000)::float8`);
  return sql`select d.id, d.state::text, agent, room, priority::text, origin::text, ${
    ms("d.created_at")
  } as "createdAtMs",
      ${ms("d.assigned_at")} as "assignedAtMs", ${ms("d.entered_at")} as "enteredAtMs",
      ${ms("d.connected_at")} as "connectedAtMs", ${ms("d.ready_at")} as "readyAtMs", ${
    ms("d.ended_at")
  } as "endedAtMs",
      failure_code as "failureCode", left(failure_message, ${MAX_MESSAGE_CHARS}::int) as "failureMessage",
      waiting_reason as "waitingReason", coalesce(j.jobs, 0)::int as jobs, j.end_reason as "endReason",
      j.instance_id as "instanceId", ${ms("j.entered_at")} as "jobEnteredAtMs"
    from (select dispatches.* from ${source} order by created_at desc, id desc limit ${limit}::int) d
    left join lateral (select count(*) over () as jobs, end_reason, instance_id, entered_at from jobs
      where dispatch_id = d.id order by attempt desc, created_at desc limit 1) j on true
    order by d.created_at desc, d.id desc`;
}

/** The last row that is looked at; null: there are fewer. */
async function findNth(database: Database, indexed: SQL, count: number): Promise<Cursor | null> {
  const [last] = await plannedRows<{ id: string; createdAtMs: number }>(
    database,
    sql`select id, (extract(epoch from created_at) * 1000)::float8 as "createdAtMs" from dispatches where ${indexed}
      order by created_at desc, id desc offset ${count - 1}::int limit 1`,
  );
  return last ? { id: last.id, createdAt: new Date(last.createdAtMs) } : null;
}

function indexedConditions({ states, agents, rooms, ids, since }: JobFilter): (SQL | undefined)[] {
  return [
    agents.length === 1 ? inArray(dispatches.agent, agents) : undefined,
    states.length === 0 ? undefined : inArray(dispatches.state, states),
    rooms.length === 0 || rooms.some(isBeginning) ? undefined : inArray(dispatches.room, rooms),
    ids.length === 0 || !ids.every(isWholeId) ? undefined : or(...ids.map(wholeIdCondition)),
    since === null ? undefined : gte(dispatches.createdAt, since),
  ];
}

function scannedConditions(filter: JobFilter): (SQL | undefined)[] {
  const { agents, rooms, errors, priorities, origins, ids, words, metadata } = filter;
  const any = <T>(values: readonly T[], condition: (value: T) => SQL | undefined) =>
    values.length === 0 ? undefined : or(...values.map(condition));
  return [
    agents.length < 2 ? undefined : inArray(dispatches.agent, agents),
    rooms.some(isBeginning) ? any(rooms, roomCondition) : undefined,
    any(
      errors,
      (text) => or(ilike(dispatches.failureMessage, `%${escapeLike(text)}%`), eq(dispatches.failureCode, text)),
    ),
    priorities.length === 0 ? undefined : inArray(dispatches.priority, priorities),
    origins.length === 0 ? undefined : inArray(dispatches.origin, origins),
    ids.every(isWholeId) ? undefined : any(ids, idCondition),
    ...words.map((word) => ilike(dispatches.room, `%${escapeLike(word)}%`)),
    ...metadata.map(({ name, value }) => sql`${dispatches.metadata}->>${name} = ${value}`),
  ];
}

const isBeginning = (room: string) => room.endsWith("*");

function roomCondition(room: string): SQL {
  return isBeginning(room) ? like(dispatches.room, `${escapeLike(room.slice(0, -1))}%`) : eq(dispatches.room, room);
}

const isWholeId = (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);

function idCondition(id: string): SQL | undefined {
  return isWholeId(id) ? wholeIdCondition(id) : sql`${dispatches.id}::text like ${`%${escapeLike(id.toLowerCase())}`}`;
}

function wholeIdCondition(id: string): SQL | undefined {
  const job = sql`${dispatches.id} = (select dispatch_id from jobs where jobs.id = ${id}::uuid)`;
  return or(eq(dispatches.id, id.toLowerCase()), job);
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}
