import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { instanceState } from "./states.ts";

/** One row per start of a Greenroom process. */
export const instances = pgTable("instances", {
  id: uuid().primaryKey(),
  hostname: text().notNull(),
  pid: integer().notNull(),
  version: text().notNull(),
  state: instanceState().notNull(),
  maxJobs: integer("max_jobs").notNull(),
  startedAt: at("started_at").notNull().defaultNow(),
  heartbeatAt: at("heartbeat_at").notNull().defaultNow(),
  endedAt: at("ended_at"),
  region: text(),
  zone: text(),
  /** Takes no new jobs since then; null when it does. */
  cordonedAt: at("cordoned_at"),
  /** When a drain ends what still runs. */
  drainDeadlineAt: at("drain_deadline_at"),
  /** Fencing token of this instance's lease: all its jobs carry it. */
  leaseToken: uuid("lease_token"),
});
