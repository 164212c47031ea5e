import { doublePrecision, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { instances } from "./instances.ts";

/** One row per worker (instance × server × agent × job type), with the state of its connection when it last changed. */
export const workers = pgTable("workers", {
  id: uuid().primaryKey(),
  instanceId: uuid("instance_id").notNull().references(() => instances.id, { onDelete: "cascade" }),
  server: text().notNull(),
  agent: text().notNull(),
  jobType: text("job_type").notNull(),
  livekitWorkerId: text("livekit_worker_id"),
  state: text().notNull(),
  namespace: text().notNull().default(""),
  deployment: text().notNull().default(""),
  /** Load as last reported, 0..1. */
  loadRatio: doublePrecision("load_ratio"),
  lastCloseCode: integer("last_close_code"),
  lastError: text("last_error"),
  createdAt: at("created_at").notNull().defaultNow(),
  changedAt: at("changed_at").notNull().defaultNow(),
});
