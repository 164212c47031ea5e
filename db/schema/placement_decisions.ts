import { index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { dispatches } from "./dispatches.ts";

/** Why a job was placed where it was, or why a dispatch still waits: the candidates and what spoke against each. */
export const placementDecisions = pgTable("placement_decisions", {
  id: uuid().primaryKey(),
  dispatchId: uuid("dispatch_id").notNull().references(() => dispatches.id, { onDelete: "cascade" }),
  /** Null while nobody took it. */
  jobId: uuid("job_id"),
  instanceId: uuid("instance_id").notNull(),
  at: at("at").notNull(),
  /** "placed" or "waits". */
  outcome: text().notNull(),
  /** Candidates with load, match, refusal and answer time; the nearest miss; the estimate of when a slot frees. */
  decision: jsonb().notNull(),
}, (t) => [index("placement_decisions_dispatch").on(t.dispatchId, t.at)]);
