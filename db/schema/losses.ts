import { boolean, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { dispatches } from "./dispatches.ts";

/** One row per loss of an agent in a room: how long it was silent there until the next attempt was ready. */
export const losses = pgTable("losses", {
  id: uuid().primaryKey(),
  dispatchId: uuid("dispatch_id").notNull().references(() => dispatches.id, { onDelete: "cascade" }),
  /** The job that was lost; null for a silent room that no job of ours had served. */
  jobId: uuid("job_id"),
  /** The job that took over, once it is ready. */
  replacedBy: uuid("replaced_by"),
  agent: text().notNull(),
  server: text().notNull(),
  room: text().notNull(),
  /** Failure kind of the lost job, or "silent_room". */
  cause: text().notNull(),
  /** Dead air counts only while somebody is there to hear it. */
  wasHumanThere: boolean("was_human_there").notNull(),
  /** The lost agent's last sign of life. */
  lostAt: at("lost_at").notNull(),
  readyAt: at("ready_at"),
  /** Given up: nobody will replace it. */
  givenUpAt: at("given_up_at"),
  deadAirMs: integer("dead_air_ms"),
}, (t) => [
  index("losses_dispatch").on(t.dispatchId),
  index("losses_lost").on(t.lostAt.desc().nullsFirst()),
]);
