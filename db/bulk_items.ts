/**
 * Items of bulk operations: each is worked off once, in the order of its position. How many have which result is kept with
 * their operation, by the same statement that changes an item. Its row is locked before its items everywhere, so that two
 * such statements never wait for each other.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { DispatchState } from "./schema/states.ts";
import { rows } from "./statement.ts";

export type BulkItemState = "waiting" | "done" | "failed" | "skipped";

export interface WaitingBulkItem extends Record<string, unknown> {
  position: number;
  /** What to act on; null: something is to be created. */
  dispatchId: string | null;
  /** The request to create, as JSON text. */
  request: string | null;
}

export interface BulkItemResult {
  state: Exclude<BulkItemState, "waiting">;
  /** The dispatch that came of it. */
  resultDispatchId: string | null;
  code: string | null;
  reason: string | null;
}

/** The first waiting item after `after`; null: there is none, or the operation is not `instanceId`'s to work on (any more). */
export async function findNextBulkItem(
  database: Database,
  operationId: string,
  instanceId: string,
  after: number,
): Promise<WaitingBulkItem | null> {
  const [found] = await rows<WaitingBulkItem>(
    database,
    sql`select i.position, i.dispatch_id as "dispatchId", i.request::text as request
      from bulk_operations o join bulk_items i on i.operation_id = o.id
      where o.id = ${operationId}::uuid and o.state = 'running' and o.instance_id = ${instanceId}::uuid
        and i.operation_id = ${operationId}::uuid and i.state = 'waiting' and i.position > ${after}::int
      order by i.position limit 1`,
  );
  return found ?? null;
}

/**
 * Notes what became of an item. What was under way when its operation was aborted is noted as well: it happened. False when
 * another instance has noted it.
 */
export async function recordBulkItem(
  database: Database,
  operationId: string,
  position: number,
  { state, resultDispatchId, code, reason }: BulkItemResult,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`with operation as (select id from bulk_operations where id = ${operationId}::uuid for update), before as (
        select i.position, i.state from operation join bulk_items i on i.operation_id = operation.id
        where i.position = ${position}::int and (i.state = 'waiting' or i.error_code = 'aborted') for update of i
      ), item as (
        update bulk_items i set state = ${state}, result_dispatch_id = ${resultDispatchId}::uuid, error_code = ${code},
          error = ${reason}, at = now()
        from before where i.operation_id = ${operationId}::uuid and i.position = before.position
        returning before.state as was, i.state as is_now
      ) update bulk_operations o set done = done + (is_now = 'done')::int, failed = failed + (is_now = 'failed')::int,
          skipped = skipped + (is_now = 'skipped')::int - (was = 'skipped')::int
        from item where o.id = ${operationId}::uuid returning o.id`,
  );
  return written.length === 1;
}

/**
 * A retry of the dispatch that an item must not double: one under way, or made since `since`. `isOwn`: it is what this very
 * item made before its result was noted.
 */
export async function findRetryInTheWay(
  database: Database,
  dispatchId: string,
  since: Date,
  ownKey: string,
): Promise<{ id: string; isOwn: boolean } | null> {
  const [found] = await rows<{ id: string; isOwn: boolean }>(
    database,
    sql`select d.id, k.key is not null as "isOwn" from dispatches d
        left join idempotency_keys k on k.key = ${ownKey} and k.dispatch_id = d.id
      where d.retry_of = ${dispatchId}::uuid and (d.ended_at is null or d.created_at >= ${since.toISOString()}::timestamptz)
      order by k.key is null limit 1`,
  );
  return found ?? null;
}

export interface BulkItem extends Record<string, unknown> {
  position: number;
  state: BulkItemState;
  dispatchId: string | null;
  resultDispatchId: string | null;
  /** How the dispatch that came of it is now. */
  resultState: DispatchState | null;
  /** Of the dispatch, or as was asked for. */
  agent: string | null;
  room: string | null;
  code: string | null;
  reason: string | null;
  atMs: number | null;
}

/** In the order of their positions; `after`: the last position of the page before. */
export async function listBulkItems(
  database: Database,
  operationId: string,
  { state, after, limit }: { state: BulkItemState | null; after: number; limit: number },
): Promise<BulkItem[]> {
  return await rows<BulkItem>(
    database,
    sql`select i.position, i.state, i.dispatch_id as "dispatchId", i.result_dispatch_id as "resultDispatchId",
        r.state::text as "resultState", coalesce(d.agent, i.request->>'agent') as agent,
        coalesce(d.room, i.request->>'room') as room, i.error_code as code, i.error as reason,
        (extract(epoch from i.at) * 1000)::float8 as "atMs"
      from (select * from bulk_items where operation_id = ${operationId}::uuid and position > ${after}::int
          and (${state}::text is null or state = ${state}) order by position limit ${limit}::int) i
        left join dispatches d on d.id = i.dispatch_id left join dispatches r on r.id = i.result_dispatch_id
      order by i.position`,
  );
}
