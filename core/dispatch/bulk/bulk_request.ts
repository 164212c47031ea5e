/** Bulk operations as REST takes and shows them. */
import { z } from "zod";
import type { BulkItem } from "../../../db/bulk_items.ts";
import { EXCLUSIONS } from "../../../db/bulk_members.ts";
import type { BulkOperation } from "../../../db/bulk_operations.ts";
import { DISPATCH_STATES } from "../../../db/schema/states.ts";
import { dispatchRequestSchema, isPlainText } from "../dispatch_request.ts";
import { reasonOf } from "./item_result.ts";

export const BULK_KINDS = ["create", "cancel", "retry"] as const;
export const BULK_STATES = ["running", "done", "aborted"] as const;
export const BULK_ITEM_STATES = ["waiting", "done", "failed", "skipped"] as const;
/** Hard limit; GREENROOM_BULK_MAX_ITEMS is the one that counts. */
export const MAX_ITEMS = 100_000;
export const MAX_ITEMS_PER_SECOND = 200;
const MAX_QUERY_CHARS = 1_000;

const plain = (maxChars: number) =>
  z.string().min(1, "must be given").max(maxChars).refine(isPlainText, "must not contain control characters");

export const bulkRequestSchema = z.strictObject({
  kind: z.enum(BULK_KINDS),
  ids: z.array(z.uuid()).min(1).max(MAX_ITEMS).optional().meta({
    description: "Of dispatches, for cancel or retry. Each gets a result, also those that are left out.",
  }),
  query: plain(MAX_QUERY_CHARS).optional().meta({
    description:
      "For cancel or retry: the dispatches that the Jobs page's search finds now and that it can be done to.",
    example: "state:failed agent:echo since:1h",
  }),
  group: z.strictObject({ fingerprint: plain(200), since: z.iso.datetime({ offset: true }) }).optional().meta({
    description: "For retry: dispatches whose jobs failed with this error since then, as the Recover page groups them.",
  }),
  requests: z.array(dispatchRequestSchema).min(1).max(MAX_ITEMS).optional().meta({ description: "For create." }),
  itemsPerSecond: z.int().min(1).max(MAX_ITEMS_PER_SECOND).optional().meta({
    description: "Default: GREENROOM_BULK_ITEMS_PER_SECOND.",
  }),
  expectedCount: z.int().min(1).optional().meta({
    description: "Refused with 409 count_changed when it would be done to another number than this.",
  }),
  dryRun: z.boolean().default(false).meta({ description: "Only say what would be done (200)." }),
  id: z.uuid().optional().meta({
    description: "The operation's id, made by the caller: sent again, the same operation is answered (200).",
  }),
}).superRefine((request, ctx) => {
  const { kind } = request;
  const given = (["ids", "query", "group", "requests"] as const).filter((name) => request[name] !== undefined);
  const fits = { create: ["requests"], cancel: ["ids", "query"], retry: ["ids", "query", "group"] }[kind];
  const misfit = given.find((name) => !fits.includes(name));
  if (misfit !== undefined) {
    ctx.addIssue({ code: "custom", path: [misfit], message: `does not go with kind ${kind}` });
  } else if (given.length !== 1) {
    ctx.addIssue({ code: "custom", path: [fits[0] ?? ""], message: `give exactly one of ${fits.join(", ")}` });
  }
}).meta({ id: "BulkRequest" });

export type BulkRequest = z.infer<typeof bulkRequestSchema>;

const counts = z.object({ waiting: z.int(), done: z.int(), failed: z.int(), skipped: z.int() });

/** What was asked for, kept with the operation. */
export const bulkTargetSchema = z.object({
  by: z.enum(["ids", "query", "group", "requests"]),
  /** The search, or the group's error; null: ids or requests. */
  label: z.string().nullable(),
});

export type BulkTarget = z.infer<typeof bulkTargetSchema>;

export const bulkOperationViewSchema = z.object({
  id: z.uuid(),
  kind: z.enum(BULK_KINDS),
  state: z.enum(BULK_STATES),
  target: bulkTargetSchema,
  actor: z.string(),
  total: z.int(),
  itemsPerSecond: z.int(),
  instanceId: z.uuid().nullable().meta({ description: "Who works on it; another takes over when that one is gone." }),
  createdAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  counts,
}).meta({ id: "BulkOperation" });

export type BulkOperationView = z.infer<typeof bulkOperationViewSchema>;

export const bulkItemViewSchema = z.object({
  position: z.int(),
  state: z.enum(BULK_ITEM_STATES),
  dispatchId: z.uuid().nullable(),
  agent: z.string().nullable(),
  room: z.string().nullable(),
  resultDispatchId: z.uuid().nullable(),
  resultState: z.enum(DISPATCH_STATES).nullable().meta({ description: "How the dispatch that came of it is now." }),
  code: z.string().nullable().meta({ description: "Why it was skipped or failed." }),
  reason: z.string().nullable(),
  at: z.iso.datetime().nullable(),
}).meta({ id: "BulkItem" });

export type BulkItemView = z.infer<typeof bulkItemViewSchema>;

export const bulkPreviewSchema = z.object({
  kind: z.enum(BULK_KINDS),
  target: bulkTargetSchema,
  eligible: z.int().meta({ description: "What it would be done to." }),
  excluded: z.array(z.object({ code: z.enum(EXCLUSIONS), reason: z.string(), count: z.int() })),
  sample: z.array(z.object({
    dispatchId: z.uuid().nullable(),
    agent: z.string(),
    room: z.string(),
    state: z.enum(DISPATCH_STATES).nullable(),
  })),
  itemsPerSecond: z.int(),
  takesMs: z.int().meta({ description: "At least; it holds while a queue is full or a rate limit is reached." }),
}).meta({ id: "BulkPreview" });

export type BulkPreview = z.infer<typeof bulkPreviewSchema>;

export function viewOfBulkOperation({ request, createdAt, endedAt, ...operation }: BulkOperation): BulkOperationView {
  const { by, label } = request as BulkTarget;
  return {
    ...operation,
    target: { by, label },
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

export function viewOfBulkItem({ code, reason, atMs, ...item }: BulkItem): BulkItemView {
  return { ...item, code, reason: reasonOf(code, reason), at: atMs === null ? null : new Date(atMs).toISOString() };
}
