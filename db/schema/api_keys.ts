import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { role } from "./states.ts";

/** API keys beside the admin key of the settings. Only their digests are kept. */
export const apiKeys = pgTable("api_keys", {
  id: uuid().primaryKey(),
  name: text().notNull().unique(),
  role: role().notNull(),
  /** SHA-256, hex. */
  digest: text().notNull().unique(),
  createdAt: at("created_at").notNull().defaultNow(),
  lastUsedAt: at("last_used_at"),
  expiresAt: at("expires_at"),
  revokedAt: at("revoked_at"),
});
