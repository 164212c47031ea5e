import { bigint, index, jsonb, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";

/** OpenTelemetry spans, ours and those that agents report. Partitioned by day of `started_at` (see migrations). */
export const spans = pgTable("spans", {
  /** 32 hex digits. */
  traceId: text("trace_id").notNull(),
  /** 16 hex digits. */
  spanId: text("span_id").notNull(),
  parentSpanId: text("parent_span_id"),
  name: text().notNull(),
  /** "internal", "server", "client", "producer" or "consumer". */
  kind: text().notNull(),
  startedAt: at("started_at").notNull(),
  durationUs: bigint("duration_us", { mode: "number" }).notNull(),
  /** "unset", "ok" or "error". */
  status: text().notNull(),
  statusMessage: text("status_message"),
  attributes: jsonb(),
  events: jsonb(),
  dispatchId: uuid("dispatch_id"),
  jobId: uuid("job_id"),
  instanceId: uuid("instance_id"),
}, (t) => [
  primaryKey({ columns: [t.startedAt, t.traceId, t.spanId] }),
  index("spans_trace").on(t.traceId),
  index("spans_dispatch").on(t.dispatchId),
]);
