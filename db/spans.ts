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

/** A span that is there already stays as it is. */
export async function insertSpans(database: Database, spans: readonly SpanRecord[]): Promise<void> {
  await looseRows(
    database,
    sql`insert into spans (trace_id, span_id, parent_span_id, name, kind, started_at, duration_us, status, status_message,
        attributes, events, dispatch_id, job_id, instance_id)
      select x."traceId", x."spanId", x."parentSpanId", x.name, x.kind, x."startedAt", x."durationUs", x.status,
        x."statusMessage", x.attributes, x.events, x."dispatchId", x."jobId", x."instanceId"
      from json_to_recordset(${
      toJson(spans)
    }::text::json) x("traceId" text, "spanId" text, "parentSpanId" text, name text,
        kind text, "startedAt" timestamptz, "durationUs" bigint, status text, "statusMessage" text, attributes jsonb,
        events jsonb, "dispatchId" uuid, "jobId" uuid, "instanceId" uuid)
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

/**
 * Postgres takes neither NUL nor half a surrogate pair. JSON.stringify escapes both, and whole pairs never; an escaped
 * backslash is matched only to step over it. (A replacer function would cost more than the write.)
 */
function toJson(spans: readonly SpanRecord[]): string {
  return JSON.stringify(spans).replace(
    /\\(?:\\|u(?:0000|d[89a-f][0-9a-f]{2}))/g,
    (escape) => escape === "\\\\" ? escape : "\\ufffd",
  );
}
