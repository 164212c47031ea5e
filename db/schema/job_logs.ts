import { bigserial, index, integer, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { logLevel } from "./states.ts";

/** Output of jobs (console and ctx.log). Partitioned by day of `at` (see migrations). */
export const jobLogs = pgTable("job_logs", {
  id: bigserial({ mode: "number" }).notNull(),
  at: at("at").notNull(),
  jobId: uuid("job_id").notNull(),
  attempt: integer().notNull(),
  level: logLevel().notNull(),
  message: text().notNull(),
  fields: jsonb(),
}, (t) => [
  primaryKey({ columns: [t.at, t.id] }),
  index("job_logs_job").on(t.jobId, t.id),
]);
