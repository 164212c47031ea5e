/** Spans of traces: written in batches that do not wait for the disk, read by dispatch for the waterfall. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { looseRows, rows } from "./statement.ts";

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";
export type SpanStatus = "unset" | "ok" | "error";

export interface SpanRecord {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: SpanKind;
  /** ISO 8601. */
  startedAt: string;
  durationUs: number;
  status: SpanStatus;
  statusMessage: string | null;
  attributes: Record<string, unknown> | null;
  events: unknown[] | null;
  dispatchId: string | null;
  jobId: string | null;
  instanceId: string | null;
}

/**
 * A span that is there already stays as it is. One array per column: reading JSON objects with as many members takes
 * Postgres as long as storing them (measured: 25 ms of 50 for 1,000 spans).
 */
export async function insertSpans(database: Database, spans: readonly SpanRecord[]): Promise<void> {
  const column = (valueOf: (span: SpanRecord) => string | null) => arrayText(spans.map(valueOf));
  await looseRows(
    database,
    sql`insert into spans (trace_id, span_id, parent_span_id, name, kind, started_at, duration_us, status, status_message,
        attributes, events, dispatch_id, job_id, instance_id)
      select trace_id, span_id, parent_span_id, name, kind, started_at, duration_us, status, status_message,
        attributes::jsonb, events::jsonb, dispatch_id, job_id, instance_id
      from unnest(${column((span) => span.traceId)}::text::text[], ${column((span) => span.spanId)}::text::text[],
        ${column((span) => span.parentSpanId)}::text::text[], ${column((span) => span.name)}::text::text[],
        ${column((span) => span.kind)}::text::text[], ${column((span) => span.startedAt)}::text::timestamptz[],
        ${column((span) => String(span.durationUs))}::text::bigint[], ${column((span) => span.status)}::text::text[],
        ${column((span) => span.statusMessage)}::text::text[], ${
      column((span) => jsonText(span.attributes))
    }::text::text[],
        ${column((span) => jsonText(span.events))}::text::text[], ${column((span) => span.dispatchId)}::text::uuid[],
        ${column((span) => span.jobId)}::text::uuid[], ${column((span) => span.instanceId)}::text::uuid[])
        x(trace_id, span_id, parent_span_id, name, kind, started_at, duration_us, status, status_message, attributes, events,
          dispatch_id, job_id, instance_id)
      on conflict do nothing`,
  );
}

/** The spans of one dispatch, oldest first, at most `limit`. Partitions of days before `since` are not looked into. */
export async function listSpansOfDispatch(
  database: Database,
  { dispatchId, since, limit }: { dispatchId: string; since: Date; limit: number },
): Promise<SpanRecord[]> {
  return await rows<SpanRecord & Record<string, unknown>>(
    database,
    sql`select trace_id as "traceId", span_id as "spanId", parent_span_id as "parentSpanId", name, kind,
        to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "startedAt",
        duration_us::float8 as "durationUs", status, status_message as "statusMessage", attributes, events,
        dispatch_id as "dispatchId", job_id as "jobId", instance_id as "instanceId"
      from spans where dispatch_id = ${dispatchId} and started_at >= ${since.toISOString()}::timestamptz
      order by started_at, duration_us desc, span_id limit ${limit}::int`,
  );
}

/** An array as Postgres reads it. It takes neither NUL nor half a surrogate pair in text. */
function arrayText(values: readonly (string | null)[]): string {
  const quoted = values.map((value) => value === null ? "null" : `"${value.replace(/[\\"]/g, "\\$&")}"`);
  return `{${quoted.join(",")}}`.replaceAll("\0", "\uFFFD").toWellFormed();
}

/**
 * JSON escapes NUL and half pairs, and whole pairs never, so those escapes are what must go; an escaped backslash is matched
 * only to step over it.
 */
function jsonText(value: unknown): string | null {
  if (value === null) return null;
  return JSON.stringify(value).replace(
    /\\(?:\\|u(?:0000|d[89a-f][0-9a-f]{2}))/g,
    (escape) => escape === "\\\\" ? escape : "\\ufffd",
  );
}
