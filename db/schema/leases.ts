import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** Who leads a piece of work that one instance does for the fleet (sweeps, rules, polling), until when. */
export const leases = pgTable("leases", {
  name: text().primaryKey(),
  holder: uuid().notNull(),
  token: uuid().notNull(),
  until: at("until").notNull(),
});
