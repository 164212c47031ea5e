import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** Circuit breaker per agent against crash loops, shared by the fleet: closed → open → half_open → closed. */
export const breakers = pgTable("breakers", {
  agent: text().primaryKey(),
  state: text().notNull(),
  failures: integer().notNull().default(0),
  reason: text(),
  openedAt: at("opened_at"),
  /** When one probe may be tried. */
  probeAt: at("probe_at"),
  changedAt: at("changed_at").notNull(),
});
