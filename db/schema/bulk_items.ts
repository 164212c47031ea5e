import { index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";
import { bulkOperations } from "./bulk_operations.ts";
import { at } from "./columns.ts";

/** One member of a bulk operation and what became of it. */
export const bulkItems = pgTable("bulk_items", {
  operationId: uuid("operation_id").notNull().references(() => bulkOperations.id, { onDelete: "cascade" }),
  position: integer().notNull(),
  /** The dispatch to act on; null for one to be created. */
  dispatchId: uuid("dispatch_id"),
  /** The request to create. */
  request: jsonb(),
  /** "waiting", "done", "failed" or "skipped". */
  state: text().notNull().default("waiting"),
  /** The dispatch that came of it. */
  resultDispatchId: uuid("result_dispatch_id"),
  errorCode: text("error_code"),
  error: text(),
  at: at("at"),
}, (t) => [
  primaryKey({ columns: [t.operationId, t.position] }),
  index("bulk_items_waiting").on(t.operationId, t.position).where(sql`${t.state} = 'waiting'`),
]);
