import { index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";
import { at } from "./columns.ts";

/** One action on many dispatches, with frozen membership: paced, abortable, with a result per item. */
export const bulkOperations = pgTable("bulk_operations", {
  id: uuid().primaryKey(),
  /** "retry", "cancel" or "create". */
  kind: text().notNull(),
  /** "running", "done" or "aborted". */
  state: text().notNull(),
  /** What was asked for: ids, a filter, or the requests to create. */
  request: jsonb().notNull(),
  actor: text().notNull(),
  total: integer().notNull(),
  /** Items that have a result, kept by the statements that give it: the others wait. */
  done: integer().notNull().default(0),
  failed: integer().notNull().default(0),
  skipped: integer().notNull().default(0),
  itemsPerSecond: integer("items_per_second").notNull(),
  /** Instance that works on it; another takes over when that one is gone. */
  instanceId: uuid("instance_id"),
  createdAt: at("created_at").notNull(),
  endedAt: at("ended_at"),
}, (t) => [index("bulk_operations_running").on(t.createdAt).where(sql`${t.state} = 'running'`)]);
