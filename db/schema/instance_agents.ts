import { boolean, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { instances } from "./instances.ts";

/** Which agents each instance hosts, and how much room it has for them: what the fleet knows of itself. */
export const instanceAgents = pgTable("instance_agents", {
  instanceId: uuid("instance_id").notNull().references(() => instances.id, { onDelete: "cascade" }),
  agent: text().notNull(),
  /** "loading", "ready" or "broken". */
  state: text().notNull(),
  /** Why it is broken. */
  error: text(),
  /** What is told of its worker: WorkerReport of db/instance_agents.ts. */
  worker: jsonb(),
  /** Hash of the agent's file: different versions run side by side during a roll-out. */
  version: text().notNull().default(""),
  jobType: text("job_type").notNull().default("room"),
  namespace: text().notNull().default(""),
  deployment: text().notNull().default(""),
  maxJobs: integer("max_jobs"),
  used: integer().notNull().default(0),
  free: integer().notNull().default(0),
  warm: integer().notNull().default(0),
  isAdmitting: boolean("is_admitting").notNull().default(true),
  updatedAt: at("updated_at").notNull().defaultNow(),
}, (t) => [primaryKey({ columns: [t.instanceId, t.agent] })]);
