/** Query strings of the lists, and their cursors. */
import { z } from "zod";
import { BULK_ITEM_STATES } from "../../core/dispatch/bulk/bulk_request.ts";
import { DISPATCH_STATES, JOB_STATES } from "../../db/schema/states.ts";
import { isPlainText } from "../../core/dispatch/dispatch_request.ts";
import { encodeCursor } from "../../db/page.ts";

const MAX_PAGE_SIZE = 200;
const DEFAULT_PAGE_SIZE = 50;

const page = {
  limit: z.string().regex(/^\d+$/, "must be a whole number").transform(Number)
    .refine((n) => n >= 1 && n <= MAX_PAGE_SIZE, `must be between 1 and ${MAX_PAGE_SIZE}`).default(DEFAULT_PAGE_SIZE)
    .meta({ description: "Rows of a page." }),
  cursor: z.string().max(200).optional().meta({ description: "nextCursor of the page before." }),
};
const text = (maxChars: number) =>
  z.string().max(maxChars).refine(isPlainText, "must not contain control characters").optional();
const filters = { agent: text(64), room: text(256) };

export const auditListQuerySchema = z.strictObject(page);
export const lossListQuerySchema = z.strictObject({
  ...page,
  agent: filters.agent,
  dispatchId: z.uuid().optional(),
});
/** All rules fit one page. */
export const ruleListQuerySchema = z.strictObject({ room: text(256) });
export const failureGroupQuerySchema = z.strictObject({
  since: z.enum(["1h", "24h", "7d"]).default("24h").meta({ description: "How far back." }),
});
export const bulkListQuerySchema = z.strictObject(page);
export const bulkItemQuerySchema = z.strictObject({
  limit: page.limit,
  cursor: z.string().regex(/^\d{1,9}$/, "must be nextCursor of the page before").transform(Number).default(-1),
  state: z.enum(BULK_ITEM_STATES).optional(),
});
export const dispatchListQuerySchema = z.strictObject({
  ...page,
  ...filters,
  state: z.enum(DISPATCH_STATES).optional(),
});
export const jobListQuerySchema = z.strictObject({
  ...page,
  ...filters,
  state: z.enum(JOB_STATES).optional(),
  dispatchId: z.uuid().optional(),
});
export const logListQuerySchema = z.strictObject({
  limit: z.string().regex(/^\d+$/, "must be a whole number").transform(Number)
    .refine((n) => n >= 1 && n <= 1_000, "must be between 1 and 1000").default(200),
  cursor: z.string().regex(/^\d{1,15}$/, "must be nextCursor of the page before").transform(Number).default(0),
  lastEventId: z.string().max(40).optional().meta({
    description: "Of a stream: where to go on, for clients that can't send the header Last-Event-ID.",
  }),
});

/** Null when this was the last page. */
export function nextCursor(rows: readonly { id: string; createdAt: Date }[], limit: number): string | null {
  const last = rows.at(-1);
  return last && rows.length === limit ? encodeCursor(last) : null;
}
