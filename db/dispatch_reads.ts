/** Reads of dispatches and jobs for REST and pages: by id, and keyset pages with filters. */
import { and, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { Cursor } from "./page.ts";
import { dispatches } from "./schema/dispatches.ts";
import { idempotencyKeys } from "./schema/idempotency_keys.ts";
import { jobs } from "./schema/jobs.ts";
import type { DispatchState, JobState } from "./schema/states.ts";

export type DispatchRow = typeof dispatches.$inferSelect;
export type JobRow = typeof jobs.$inferSelect;
export interface DispatchWithJobs {
  dispatch: DispatchRow;
  jobs: JobRow[];
}

export interface PageRequest {
  limit: number;
  cursor: Cursor | null;
}

export async function findDispatch(database: Database, id: string): Promise<DispatchWithJobs | null> {
  const [dispatch] = await database.db.select().from(dispatches).where(eq(dispatches.id, id));
  if (!dispatch) return null;
  return { dispatch, jobs: await listJobsOfDispatches(database, [id]) };
}

/** Those of `ids` that are there, in no order. */
export async function listDispatchesById(database: Database, ids: string[]): Promise<DispatchWithJobs[]> {
  const found = await database.db.select().from(dispatches).where(inArray(dispatches.id, ids));
  const itsJobs = found.length === 0 ? [] : await listJobsOfDispatches(database, found.map(({ id }) => id));
  return found.map((dispatch) => ({ dispatch, jobs: itsJobs.filter((job) => job.dispatchId === dispatch.id) }));
}

export async function findDispatchByIdempotencyKey(
  database: Database,
  key: string,
): Promise<{ bodyHash: string; dispatchId: string } | null> {
  const [found] = await database.db.select({
    bodyHash: idempotencyKeys.bodyHash,
    dispatchId: idempotencyKeys.dispatchId,
  })
    .from(idempotencyKeys).where(and(eq(idempotencyKeys.key, key), sql`${idempotencyKeys.expiresAt} > now()`));
  return found ?? null;
}

export async function listDispatches(
  database: Database,
  page: PageRequest,
  filter: { agent?: string | undefined; room?: string | undefined; state?: DispatchState | undefined },
): Promise<DispatchWithJobs[]> {
  const found = await database.db.select().from(dispatches).where(and(
    filter.agent === undefined ? undefined : eq(dispatches.agent, filter.agent),
    filter.room === undefined ? undefined : eq(dispatches.room, filter.room),
    filter.state === undefined ? undefined : eq(dispatches.state, filter.state),
    after(page.cursor, dispatches.createdAt, dispatches.id),
  )).orderBy(desc(dispatches.createdAt), desc(dispatches.id)).limit(page.limit);
  const itsJobs = found.length === 0 ? [] : await listJobsOfDispatches(database, found.map((d) => d.id));
  return found.map((dispatch) => ({ dispatch, jobs: itsJobs.filter((job) => job.dispatchId === dispatch.id) }));
}

export async function findJob(database: Database, id: string): Promise<JobRow | null> {
  const [job] = await database.db.select().from(jobs).where(eq(jobs.id, id));
  return job ?? null;
}

export async function listJobs(
  database: Database,
  page: PageRequest,
  filter: {
    agent?: string | undefined;
    room?: string | undefined;
    state?: JobState | undefined;
    dispatchId?: string | undefined;
  },
): Promise<JobRow[]> {
  return await database.db.select().from(jobs).where(and(
    filter.agent === undefined ? undefined : eq(jobs.agent, filter.agent),
    filter.room === undefined ? undefined : eq(jobs.room, filter.room),
    filter.state === undefined ? undefined : eq(jobs.state, filter.state),
    filter.dispatchId === undefined ? undefined : eq(jobs.dispatchId, filter.dispatchId),
    after(page.cursor, jobs.createdAt, jobs.id),
  )).orderBy(desc(jobs.createdAt), desc(jobs.id)).limit(page.limit);
}

async function listJobsOfDispatches(database: Database, ids: string[]): Promise<JobRow[]> {
  return await database.db.select().from(jobs).where(inArray(jobs.dispatchId, ids)).orderBy(
    jobs.attempt,
    jobs.createdAt,
  );
}

function after(cursor: Cursor | null, createdAt: unknown, id: unknown): SQL | undefined {
  if (!cursor) return undefined;
  return sql`(${createdAt}, ${id}) < (${cursor.createdAt.toISOString()}::timestamptz, ${cursor.id}::uuid)`;
}
