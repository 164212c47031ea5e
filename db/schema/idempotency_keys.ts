import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** Idempotency keys of dispatch requests; one is reusable after `expires_at`. */
export const idempotencyKeys = pgTable("idempotency_keys", {
  key: text().primaryKey(),
  /** SHA-256 of the canonical request body, hex. */
  bodyHash: text("body_hash").notNull(),
  dispatchId: uuid("dispatch_id").notNull(),
  expiresAt: at("expires_at").notNull(),
}, (t) => [index("idempotency_keys_expiry").on(t.expiresAt)]);
