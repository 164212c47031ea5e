import { integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at, json } from "./columns.ts";
import { dispatches } from "./dispatches.ts";

/** Progress that jobs saved, by dispatch (and participant), so that the next attempt goes on from the newest version. */
export const checkpoints = pgTable("checkpoints", {
  dispatchId: uuid("dispatch_id").notNull().references(() => dispatches.id, { onDelete: "cascade" }),
  /** Identity of the triggering participant; empty for room jobs. */
  participant: text().notNull().default(""),
  /** Counts up from 1. */
  version: integer().notNull(),
  jobId: uuid("job_id").notNull(),
  attempt: integer().notNull(),
  data: json().notNull(),
  sizeBytes: integer("size_bytes").notNull(),
  savedAt: at("saved_at").notNull(),
}, (t) => [primaryKey({ columns: [t.dispatchId, t.participant, t.version] })]);
