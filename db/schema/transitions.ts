import { index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { transitionSubject } from "./states.ts";

/** Append-only history: every change of state of a dispatch or a job. Partitioned by day of `at` (see migrations). */
export const transitions = pgTable("transitions", {
  id: uuid().notNull(),
  at: at("at").notNull(),
  subject: transitionSubject().notNull(),
  dispatchId: uuid("dispatch_id").notNull(),
  jobId: uuid("job_id"),
  /** Null for the first state. */
  fromState: text("from_state"),
  toState: text("to_state").notNull(),
  cause: text().notNull(),
  /** Who did it: "instance:<id>", "rest:<key name>", "livekit". */
  actor: text().notNull(),
  changeId: uuid("change_id").notNull(),
}, (t) => [
  primaryKey({ columns: [t.at, t.id] }),
  index("transitions_dispatch").on(t.dispatchId, t.at),
]);
