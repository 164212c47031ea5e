import { bigint, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { jobs } from "./jobs.ts";

/** What is read only when somebody opens one job. */
export const jobDetails = pgTable("job_details", {
  jobId: uuid("job_id").primaryKey().references(() => jobs.id, { onDelete: "cascade" }),
  failureStack: text("failure_stack"),
  peakMemoryBytes: bigint("peak_memory_bytes", { mode: "number" }),
  cpuMs: integer("cpu_ms"),
  /** What the job last said about its progress (ctx.progress). */
  progress: jsonb(),
  droppedLogLines: integer("dropped_log_lines").notNull().default(0),
});
