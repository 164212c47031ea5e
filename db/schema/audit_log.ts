import { index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { role } from "./states.ts";

/** Every write that a person or a program asked for, and every refused one. */
export const auditLog = pgTable("audit_log", {
  id: uuid().primaryKey(),
  at: at("at").notNull().defaultNow(),
  /** "rest:<key name>" or "dashboard:<name>". */
  actor: text().notNull(),
  role: role(),
  /** e.g. "dispatch.create", "dispatch.cancel", "sign_in". */
  action: text().notNull(),
  /** What it was done to: a dispatch's or job's id, a key's name. */
  target: text(),
  outcome: text().notNull(),
  fields: jsonb(),
}, (t) => [index("audit_log_at").on(t.at.desc().nullsFirst(), t.id.desc().nullsFirst())]);
