/**
 * Bulk operations as they are asked for: previewed, stored with their members as they are then (later changes of a search
 * or of a group change nothing), looked at, aborted. BulkRunner works them off.
 */
import { type BulkItem, type BulkItemState, listBulkItems } from "../../../db/bulk_items.ts";
import { type Membership, previewBulkMembers } from "../../../db/bulk_members.ts";
import {
  abortBulkOperation,
  type BulkOperation,
  findBulkOperation,
  insertBulkCreate,
  insertBulkOperation,
  listBulkOperations,
  type NewBulkOperation,
  pruneBulkOperations,
} from "../../../db/bulk_operations.ts";
import type { Database } from "../../../db/client.ts";
import type { Cursor } from "../../../db/page.ts";
import type { Origin } from "../../../db/schema/states.ts";
import { uuidv7 } from "../../lifecycle/uuid.ts";
import type { DispatchRequest } from "../dispatch_request.ts";
import type { BulkPreview, BulkTarget } from "./bulk_request.ts";
import { findMembers, type MemberSource } from "./find_members.ts";
import { reasonOf } from "./item_result.ts";

/** Of the fleet; each is paced, so many of them are as fast as one that is not. */
const MAX_RUNNING = 20;
const SAMPLE_SIZE = 10;
const KEEP_MS = 30 * 86_400_000;
const PRUNE_LIMIT = 20;

export interface BulkOptions {
  database: Database;
  maxItems: number;
  /** When nobody says otherwise. */
  itemsPerSecond: number;
  /** Wakes the runner: there is something new, or something ended. */
  onChange: () => void;
}

/** What is wanted. */
export type BulkWish =
  | { kind: "create"; requests: readonly DispatchRequest[] }
  | { kind: "cancel" | "retry"; source: MemberSource };

export interface BulkAsker {
  actor: string;
  /** Of the dispatches that a create makes. */
  origin: Origin;
}

export interface BulkTerms {
  /** Made by the caller: the same operation is answered once more. */
  id?: string | undefined;
  itemsPerSecond?: number | undefined;
  /** What was confirmed: stored only when it would be done to so many. */
  expected?: number | null | undefined;
}

export type BulkRefusal =
  | { code: "too_many_items" | "search_too_wide"; maxItems: number }
  | { code: "nothing_to_do"; kind: BulkWish["kind"]; excluded: BulkPreview["excluded"] }
  | { code: "count_changed"; kind: BulkWish["kind"]; expected: number; eligible: number }
  | { code: "too_many_operations"; maxRunning: number }
  | { code: "bulk_not_found"; id: string };

export type BulkResult<T> = { ok: true; value: T } | { ok: false; refusal: BulkRefusal };

interface Prepared {
  target: BulkTarget;
  /** Null: it creates. */
  membership: Membership | null;
}

export class BulkOperations {
  readonly #options: BulkOptions;

  constructor(options: BulkOptions) {
    this.#options = options;
  }

  /** What would be done, as things are now. */
  async preview(wish: BulkWish, itemsPerSecond = this.#options.itemsPerSecond): Promise<BulkResult<BulkPreview>> {
    const prepared = await this.#prepare(wish);
    if (!prepared.ok) return prepared;
    const { target, membership } = prepared.value;
    const { eligible, excluded, sample } = wish.kind === "create" || membership === null
      ? previewOfCreate(wish)
      : await previewBulkMembers(this.#options.database.reads, membership, SAMPLE_SIZE);
    return {
      ok: true,
      value: {
        ...{ kind: wish.kind, target, eligible, sample, itemsPerSecond },
        excluded: excluded.map(({ code, count }) => ({ code, count, reason: reasonOf(code, null) ?? code })),
        takesMs: Math.round(eligible * 1_000 / itemsPerSecond),
      },
    };
  }

  /** Stores it, to be worked off from now on. `isNew` false: there is an operation of this id, and this is it. */
  async create(
    wish: BulkWish,
    { actor, origin }: BulkAsker,
    { id = uuidv7(), itemsPerSecond = this.#options.itemsPerSecond, expected = null }: BulkTerms = {},
  ): Promise<BulkResult<{ operation: BulkOperation; isNew: boolean }>> {
    const { database, onChange } = this.#options;
    const known = await findBulkOperation(database, id);
    if (known) return { ok: true, value: { operation: known, isNew: false } };
    const prepared = await this.#prepare(wish);
    if (!prepared.ok) return prepared;
    const { target, membership } = prepared.value;
    const operation: NewBulkOperation = {
      ...{ id, kind: wish.kind, actor, itemsPerSecond, expected },
      request: { ...target, origin },
    };
    const isNew = wish.kind === "create" || membership === null
      ? await insertBulkCreate(database, operation, requestsOf(wish), MAX_RUNNING)
      : await insertBulkOperation(database, operation, membership, MAX_RUNNING);
    const stored = await findBulkOperation(database, id);
    if (!stored) return await this.#explainNotStored(wish, expected);
    onChange();
    await pruneBulkOperations(database, KEEP_MS, PRUNE_LIMIT);
    return { ok: true, value: { operation: stored, isNew } };
  }

  /** What waits is skipped; what is under way is not undone. Once more, or after its end, it changes nothing. */
  async abort(id: string): Promise<BulkResult<BulkOperation>> {
    const { database, onChange } = this.#options;
    if (await abortBulkOperation(database, id)) onChange();
    const operation = await findBulkOperation(database, id);
    return operation ? { ok: true, value: operation } : { ok: false, refusal: { code: "bulk_not_found", id } };
  }

  async find(id: string): Promise<BulkOperation | null> {
    return await findBulkOperation(this.#options.database.reads, id);
  }

  /** Newest first. */
  async list(page: { limit: number; cursor: Cursor | null }): Promise<BulkOperation[]> {
    return await listBulkOperations(this.#options.database.reads, page);
  }

  async items(
    id: string,
    page: { state: BulkItemState | null; after: number; limit: number },
  ): Promise<BulkItem[]> {
    return await listBulkItems(this.#options.database.reads, id, page);
  }

  async #prepare(wish: BulkWish): Promise<BulkResult<Prepared>> {
    const { database, maxItems } = this.#options;
    if (wish.kind === "create") {
      if (wish.requests.length > maxItems) return { ok: false, refusal: { code: "too_many_items", maxItems } };
      return { ok: true, value: { target: { by: "requests", label: null }, membership: null } };
    }
    const { source, kind } = wish;
    const found = await findMembers(database, source, maxItems);
    if (!found.ok) return { ok: false, refusal: { code: found.code, maxItems } };
    const isExplicit = source.by === "ids";
    const withSucceeded = isExplicit || (source.by === "query" && source.filter.states.includes("succeeded"));
    return {
      ok: true,
      value: {
        target: { by: source.by, label: found.label },
        membership: { kind, ids: found.ids, isExplicit, withSucceeded },
      },
    };
  }

  /** Nothing was written: nothing is eligible, or another number than was confirmed, or too many run. */
  async #explainNotStored(wish: BulkWish, expected: number | null): Promise<{ ok: false; refusal: BulkRefusal }> {
    const preview = await this.preview(wish);
    if (!preview.ok) return preview;
    const { eligible, excluded } = preview.value;
    const { kind } = wish;
    if (eligible === 0) return { ok: false, refusal: { code: "nothing_to_do", kind, excluded } };
    return expected !== null && expected !== eligible
      ? { ok: false, refusal: { code: "count_changed", kind, expected, eligible } }
      : { ok: false, refusal: { code: "too_many_operations", maxRunning: MAX_RUNNING } };
  }
}

function requestsOf(wish: BulkWish): readonly DispatchRequest[] {
  return wish.kind === "create" ? wish.requests : [];
}

function previewOfCreate(wish: BulkWish) {
  const requests = requestsOf(wish);
  const sample = requests.slice(0, SAMPLE_SIZE).map(({ agent, room }) => ({
    ...{ agent, room },
    dispatchId: null,
    state: null,
  }));
  return { eligible: requests.length, excluded: [], sample };
}
