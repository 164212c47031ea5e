import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { jobs } from "./jobs.ts";

/** What is read only when somebody opens one job. */
export const jobDetails = pgTable("job_details", {
  jobId: uuid("job_id").primaryKey().references(() => jobs.id, { onDelete: "cascade" }),
  failureStack: text("failure_stack"),
  droppedLogLines: integer("dropped_log_lines").notNull().default(0),
});
