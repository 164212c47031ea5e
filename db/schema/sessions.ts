import { index, pgTable, text } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { role } from "./states.ts";

/** Signed-in browsers. The cookie's value is not kept, only its digest. */
export const sessions = pgTable("sessions", {
  /** SHA-256 of the cookie's value, hex. */
  digest: text().primaryKey(),
  /** Whose key or link it was: "admin", or the API key's name. */
  name: text().notNull(),
  role: role().notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
  lastSeenAt: at("last_seen_at").notNull().defaultNow(),
  expiresAt: at("expires_at").notNull(),
}, (t) => [index("sessions_expiry").on(t.expiresAt)]);
