import { boolean, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** Every agent this fleet has ever hosted: a name in here is known, even when nobody serves it now. */
export const agents = pgTable("agents", {
  name: text().primaryKey(),
  file: text().notNull(),
  isBroken: boolean("is_broken").notNull(),
  error: text(),
  /** What the agent's host reported: options and the JSON Schema of its metadata. */
  descriptor: jsonb(),
  firstSeenAt: at("first_seen_at").notNull().defaultNow(),
  lastSeenAt: at("last_seen_at").notNull().defaultNow(),
});
