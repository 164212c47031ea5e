/**
 * The jobs list: dispatches with what their last attempt says, newest first, filtered by what the search field's
 * qualifiers say.
 *
 * State, one agent, whole room names, whole ids and time go by indexes. Everything else (parts of texts, metadata) must look
 * at rows one by one: it looks at SCAN_ROWS of those that the indexes give, newest first, and tells where it stopped, so
 * that a search for what hardly exists costs no more than one for what is everywhere, however many rows there are. Errors are
 * looked for among what has one only. Looking reads the columns that are asked about; the rest is read of what was found.
 */
import { and, eq, gte, inArray, isNotNull, like, or, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Database } from "./client.ts";
import type { PageRequest } from "./dispatch_reads.ts";
import type { Cursor } from "./page.ts";
import { dispatches } from "./schema/dispatches.ts";
import type { DispatchState, Origin, Priority } from "./schema/states.ts";
import { plannedRows, rows } from "./statement.ts";

export const SCAN_ROWS = 4_000;
/** What failed lies apart from each other: so many cost as much to look at. */
export const SCAN_ROWS_FOR_ERRORS = 1_000;
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
  const scanned = scannedConditions(filter);
  if (scanned.length === 0) return { found: await listFound(database, indexed, limit, filter), stoppedAt: null };
  const scanRows = scanRowsOf(filter);
  const columns = [...new Set([dispatches.createdAt, dispatches.id, ...scanned.flatMap(({ columns }) => columns)])];
  // Under the table's own name, which the conditions use.
  const newest = sql`(select ${sql.join(columns.map(({ name }) => sql.identifier(name)), sql`, `)} from dispatches
    where ${indexed} order by created_at desc, id desc limit ${scanRows}::int) dispatches`;
  const hits = sql`(select id as hit from ${newest} where ${and(...scanned.map(({ condition }) => condition))}
    order by created_at desc, id desc limit ${limit}::int) hits join dispatches on dispatches.id = hit`;
  // One value that has no index: few texts and always one plan, so that planning it costs more than keeping it.
  const read = Object.values(filter).flat().filter((value) => value !== null).length === 1 ? rows : plannedRows;
  const found = await read<FoundDispatch>(database, statementOf(hits, limit));
  return { found, stoppedAt: found.length === limit ? null : await findNth(database, read, indexed, scanRows) };
}

function scanRowsOf({ ids, errors }: JobFilter): number {
  if (ids.length > 0) return SCAN_ROWS_FOR_IDS;
  return errors.length > 0 ? SCAN_ROWS_FOR_ERRORS : SCAN_ROWS;
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
async function findNth(
  database: Database,
  read: typeof rows,
  indexed: SQL,
  count: number,
): Promise<Cursor | null> {
  const [last] = await read<{ id: string; createdAtMs: number }>(
    database,
    sql`select id, (extract(epoch from created_at) * 1000)::float8 as "createdAtMs" from dispatches where ${indexed}
      order by created_at desc, id desc offset ${count - 1}::int limit 1`,
  );
  return last ? { id: last.id, createdAt: new Date(last.createdAtMs) } : null;
}

function indexedConditions({ states, agents, rooms, errors, ids, since }: JobFilter): (SQL | undefined)[] {
  return [
    agents.length === 1 ? inArray(dispatches.agent, agents) : undefined,
    states.length === 0 ? undefined : inArray(dispatches.state, states),
    rooms.length === 0 || rooms.some(isBeginning) ? undefined : inArray(dispatches.room, rooms),
    ids.length === 0 || !ids.every(isWholeId) ? undefined : or(...ids.map(wholeIdCondition)),
    errors.length === 0 ? undefined : isNotNull(dispatches.failureCode),
    since === null ? undefined : gte(dispatches.createdAt, since),
  ];
}

/** Conditions that are looked for row by row, with the columns that they read. */
function scannedConditions(filter: JobFilter): { columns: PgColumn[]; condition: SQL | undefined }[] {
  const { agents, rooms, errors, priorities, origins, ids, words, metadata } = filter;
  const { agent, room, failureMessage, failureCode, priority, origin } = dispatches;
  const any = <T>(values: readonly T[], condition: (value: T) => SQL | undefined) => or(...values.map(condition));
  return [
    agents.length < 2 ? [] : { columns: [agent], condition: inArray(agent, agents) },
    rooms.some(isBeginning) ? { columns: [room], condition: any(rooms, roomCondition) } : [],
    errors.length === 0 ? [] : {
      columns: [failureMessage, failureCode],
      condition: any(errors, (text) => or(hasPart(failureMessage, text), eq(failureCode, text))),
    },
    priorities.length === 0 ? [] : { columns: [priority], condition: inArray(priority, priorities) },
    origins.length === 0 ? [] : { columns: [origin], condition: inArray(origin, origins) },
    ids.every(isWholeId) ? [] : { columns: [], condition: any(ids, idCondition) },
    words.map((word) => ({ columns: [room], condition: hasPart(room, word) })),
    metadata.map(({ name, value }) => ({
      columns: [dispatches.metadata],
      condition: sql`${dispatches.metadata}->>${name} = ${value}`,
    })),
  ].flat();
}

/** Without regard to case; in half the time of ilike, which makes the wanted text small for every row. */
function hasPart(column: PgColumn, text: string): SQL {
  return sql`strpos(lower(${column}), (select lower(${text}::text))) > 0`;
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
