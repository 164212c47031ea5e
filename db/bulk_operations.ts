/**
 * Bulk operations: one action on many dispatches. What belongs to one is decided once, in the statement that stores it
 * (bulk_members.ts says how); its items are worked off one by one (bulk_items.ts).
 *
 *   running ─▶ done | aborted
 *
 * `instance_id` is the claim: every further step of a worker is guarded by it. An operation without one, or whose instance
 * has ended, can be claimed (SKIP LOCKED).
 */
import { type SQL, sql } from "drizzle-orm";
import { judgedMembers, type Membership } from "./bulk_members.ts";
import type { Database } from "./client.ts";
import type { Cursor } from "./page.ts";
import { json, rows, rowsUnderLock, time } from "./statement.ts";

export type BulkKind = "create" | "cancel" | "retry";
export type BulkState = "running" | "done" | "aborted";

/** Operations are stored one after another, so that no two of them take the same dispatch. */
const STORE_LOCK = "bulk_operations";

export interface NewBulkOperation {
  id: string;
  kind: BulkKind;
  /** What was asked for, in words for people and programs. */
  request: unknown;
  actor: string;
  itemsPerSecond: number;
  /** Stored only when it would be done to so many; null: however many. */
  expected: number | null;
}

export interface BulkCounts {
  waiting: number;
  done: number;
  failed: number;
  skipped: number;
}

export interface BulkOperation {
  id: string;
  kind: BulkKind;
  state: BulkState;
  request: unknown;
  actor: string;
  total: number;
  itemsPerSecond: number;
  /** Who works on it; null: it waits for an instance. */
  instanceId: string | null;
  createdAt: Date;
  endedAt: Date | null;
  counts: BulkCounts;
}

/** What a worker knows of the operation that it has claimed. */
export interface ClaimedBulkOperation extends Record<string, unknown> {
  id: string;
  kind: BulkKind;
  actor: string;
  /** JSON text. */
  request: string;
  itemsPerSecond: number;
  createdAtMs: number;
}

/**
 * Stores a cancel or a retry with its members as they are now: of explicit ids all (the ineligible as skipped), else the
 * eligible ones. False when none is eligible (or not as many as expected), `maxRunning` operations run already, or the id is
 * taken.
 */
export async function insertBulkOperation(
  database: Database,
  operation: NewBulkOperation,
  membership: Membership,
  maxRunning: number,
): Promise<boolean> {
  const included = membership.isExplicit ? sql`true` : sql`code is null`;
  const written = await rowsUnderLock(
    database,
    STORE_LOCK,
    sql`with ${judgedMembers(membership)}, member as (select * from judged where ${included}),
    operation as (
      ${
      insertOperation(operation, {
        total: sql`(select count(*)::int from member)`,
        skipped: sql`(select count(*)::int from member where code is not null)`,
      }, maxRunning)
    }
        and (select case when ${operation.expected}::int is null then count(*) > 0 else count(*) = ${operation.expected}::int end
          from member where code is null) on conflict do nothing returning id
    ), item as (
      insert into bulk_items (operation_id, position, dispatch_id, state, error_code, at)
      select operation.id, row_number() over (order by ordinality) - 1, member.id,
        case when code is null then 'waiting' else 'skipped' end, code, case when code is null then null else now() end
      from operation, member returning 1
    ) select id, (select count(*) from item) as items from operation`,
  );
  return written.length === 1;
}

/** Stores a create; false when `maxRunning` operations run already, or the id is taken. */
export async function insertBulkCreate(
  database: Database,
  operation: NewBulkOperation,
  requests: readonly unknown[],
  maxRunning: number,
): Promise<boolean> {
  const written = await rowsUnderLock(
    database,
    STORE_LOCK,
    sql`with operation as (
      ${
      insertOperation(operation, { total: sql`${requests.length}::int`, skipped: sql`0` }, maxRunning)
    } on conflict do nothing returning id
    ), item as (
      insert into bulk_items (operation_id, position, request)
      select operation.id, ordinality - 1, asked from operation,
        jsonb_array_elements(${json(requests)}) with ordinality as listed (asked, ordinality) returning 1
    ) select id, (select count(*) from item) as items from operation`,
  );
  return written.length === 1;
}

function insertOperation(
  { id, kind, request, actor, itemsPerSecond }: NewBulkOperation,
  { total, skipped }: { total: SQL; skipped: SQL },
  maxRunning: number,
): SQL {
  return sql`insert into bulk_operations (id, kind, state, request, actor, total, skipped, items_per_second, created_at)
    select ${id}::uuid, ${kind}, 'running', ${
    json(request)
  }, ${actor}, ${total}, ${skipped}, ${itemsPerSecond}::int, now()
    where (select count(*) from bulk_operations where state = 'running') < ${maxRunning}::int`;
}

/** Claims up to `limit` operations that nobody works on, the oldest first. */
export async function claimBulkOperations(
  database: Database,
  instanceId: string,
  limit: number,
): Promise<ClaimedBulkOperation[]> {
  return await rows<ClaimedBulkOperation>(
    database,
    sql`update bulk_operations o set instance_id = ${instanceId}::uuid from (
        select id from bulk_operations where state = 'running' and (instance_id is null or not exists (
          select from instances i where i.id = bulk_operations.instance_id and i.ended_at is null))
        order by created_at limit ${limit}::int for update skip locked
      ) free where o.id = free.id
      returning o.id, o.kind, o.actor, o.request::text as request, o.items_per_second as "itemsPerSecond",
        (extract(epoch from o.created_at) * 1000)::float8 as "createdAtMs"`,
  );
}

/** Gives up what this instance works on, so that others need not wait for its end. */
export async function releaseBulkOperations(database: Database, instanceId: string): Promise<void> {
  await rows(
    database,
    sql`update bulk_operations set instance_id = null where instance_id = ${instanceId}::uuid and state = 'running'`,
  );
}

/** Ends an operation that has nothing waiting. False: it is not ours any more, was aborted, or something waits. */
export async function finishBulkOperation(database: Database, id: string, instanceId: string): Promise<boolean> {
  const ended = await rows(
    database,
    sql`update bulk_operations set state = 'done', ended_at = now()
      where id = ${id}::uuid and state = 'running' and instance_id = ${instanceId}::uuid
        and not exists (select from bulk_items where operation_id = ${id}::uuid and state = 'waiting') returning id`,
  );
  return ended.length === 1;
}

/** Stops a running operation: what waits is skipped. False when it does not run. */
export async function abortBulkOperation(database: Database, id: string): Promise<boolean> {
  const aborted = await rows(
    database,
    sql`with operation as (
        select id from bulk_operations where id = ${id}::uuid and state = 'running' for update
      ), item as (
        update bulk_items set state = 'skipped', error_code = 'aborted', at = now()
        from operation where operation_id = operation.id and bulk_items.state = 'waiting' returning 1
      ) update bulk_operations o set state = 'aborted', ended_at = now(), skipped = o.skipped + left_out.items
        from operation, (select count(*)::int as items from item) left_out where o.id = operation.id returning o.id`,
  );
  return aborted.length === 1;
}

export async function findBulkOperation(database: Database, id: string): Promise<BulkOperation | null> {
  const [found] = await operationsWhere(database, sql`where id = ${id}::uuid`, 1);
  return found ?? null;
}

/** Newest first. */
export async function listBulkOperations(
  database: Database,
  { limit, cursor }: { limit: number; cursor: Cursor | null },
): Promise<BulkOperation[]> {
  const after = cursor === null
    ? sql``
    : sql`where (date_trunc('milliseconds', created_at), id) < (${time(cursor.createdAt)}, ${cursor.id}::uuid)`;
  return await operationsWhere(database, after, limit);
}

/** Those that run, and those that ended less than `sinceMs` ago. */
export async function listFreshBulkOperations(
  database: Database,
  { limit, sinceMs }: { limit: number; sinceMs: number },
): Promise<BulkOperation[]> {
  const recently = sql`ended_at > now() - ${sinceMs}::int * interval '1 millisecond'`;
  return await operationsWhere(database, sql`where state = 'running' or ${recently}`, limit);
}

/** Forgets up to `limit` operations that ended longer than `keepMs` ago, with their items. */
export async function pruneBulkOperations(database: Database, keepMs: number, limit: number): Promise<void> {
  await rows(
    database,
    sql`delete from bulk_operations where id = any(array(select id from bulk_operations
      where ended_at < now() - ${keepMs}::bigint * interval '1 millisecond' order by ended_at limit ${limit}::int))`,
  );
}

type OperationRow = Record<string, unknown> & Omit<BulkOperation, "createdAt" | "endedAt" | "counts"> & BulkCounts & {
  createdAtMs: number;
  endedAtMs: number | null;
};

async function operationsWhere(database: Database, where: SQL, limit: number): Promise<BulkOperation[]> {
  const found = await rows<OperationRow>(
    database,
    sql`select id, kind, state, request::text as request, actor, total, items_per_second as "itemsPerSecond",
        instance_id as "instanceId", total - done - failed - skipped as waiting, done, failed, skipped,
        (extract(epoch from created_at) * 1000)::float8 as "createdAtMs",
        (extract(epoch from ended_at) * 1000)::float8 as "endedAtMs"
      from bulk_operations ${where} order by date_trunc('milliseconds', created_at) desc, id desc limit ${limit}::int`,
  );
  return found.map(({ waiting, done, failed, skipped, createdAtMs, endedAtMs, request, ...operation }) => ({
    ...operation,
    request: JSON.parse(String(request)),
    createdAt: new Date(createdAtMs),
    endedAt: endedAtMs === null ? null : new Date(endedAtMs),
    counts: { waiting, done, failed, skipped },
  }));
}
