import { doublePrecision, integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/**
 * History of load and latencies in three tiers: 5 s (kept a day), 1 min (two weeks), 1 h (as long as everything else). A
 * point sums up its interval: a gauge's mean is sum / count; latencies also keep their p50 and p95.
 */
export const metricPoints = pgTable("metric_points", {
  /** Length of the interval: 5, 60 or 3600. */
  tierSeconds: integer("tier_seconds").notNull(),
  /** e.g. "active_jobs", "max_jobs", "cpu_ratio", "memory_bytes", "queue_depth", "dispatch_ready_ms", "jobs_failed". */
  metric: text().notNull(),
  /** Beginning of the interval. */
  at: at("at").notNull(),
  instanceId: uuid("instance_id").notNull(),
  /** Empty: of the whole instance. */
  agent: text().notNull().default(""),
  count: integer().notNull(),
  sum: doublePrecision().notNull(),
  min: doublePrecision().notNull(),
  max: doublePrecision().notNull(),
  p50: doublePrecision(),
  p95: doublePrecision(),
}, (t) => [primaryKey({ columns: [t.tierSeconds, t.metric, t.at, t.instanceId, t.agent] })]);
