import { index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { sql } from "drizzle-orm";
import { at } from "./columns.ts";
import { instances } from "./instances.ts";

/** What one instance asks another to do (cancel a job, cordon, drain): taken once, answered in place. */
export const instanceCommands = pgTable("instance_commands", {
  id: uuid().primaryKey(),
  instanceId: uuid("instance_id").notNull().references(() => instances.id, { onDelete: "cascade" }),
  /** "cancel_job", "cordon", "uncordon", "drain", … */
  kind: text().notNull(),
  payload: jsonb().notNull().default({}),
  actor: text().notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
  takenAt: at("taken_at"),
  doneAt: at("done_at"),
  /** Null when it went well. */
  error: text(),
}, (t) => [index("instance_commands_waiting").on(t.instanceId, t.createdAt).where(sql`${t.takenAt} is null`)]);
