/** What a child reported, as the control plane records it. Pure. Texts of user code are made storable on the way. */
import type { FailureKind, FinishedMessage, JobEnd, JobFailure } from "./job_end.ts";
import type { ChildMessage, EndReason } from "./messages.ts";

export interface SlotLogLine {
  level: "debug" | "info" | "warn" | "error";
  message: string;
  fields?: Record<string, unknown>;
  at: Date;
}

/** A child's clock is this machine's; one that is further off than this is not believed. */
const MAX_CLOCK_SKEW_MS = 86_400_000;

const KIND_OF_REASON: Partial<Record<EndReason, FailureKind>> = {
  connection_lost: "connection_lost",
  deadline: "deadline_exceeded",
  heartbeat_missed: "unresponsive",
};

export function endReported({ outcome, endReason, error }: FinishedMessage): JobEnd {
  if (outcome !== "failed") return { outcome, endReason };
  const failure: JobFailure = {
    kind: KIND_OF_REASON[endReason] ?? "exception",
    message: storableText(
      error === undefined ? "The agent failed without an error" : `${error.name}: ${error.message}`,
    ),
    ...(error?.stack === undefined ? {} : { stack: storableText(error.stack) }),
    ...(error?.class === undefined ? {} : { class: error.class }),
    ...(error?.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
  return { outcome, endReason, failure };
}

export function logReported(message: Extract<ChildMessage, { type: "log" }>, now: Date): SlotLogLine {
  const isBelieved = Math.abs(message.at - now.getTime()) < MAX_CLOCK_SKEW_MS;
  return {
    level: message.level,
    message: storableText(message.message),
    ...(message.fields === undefined ? {} : { fields: storableFields(message.fields) }),
    at: isBelieved ? new Date(message.at) : now,
  };
}

/** Postgres takes neither NUL nor half a surrogate pair in text and jsonb. */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

function storableFields(fields: Record<string, unknown>): Record<string, unknown> {
  const json = JSON.stringify(fields);
  // JSON.stringify escapes NUL and half pairs, and whole pairs never, so the escapes are exactly what must go.
  const storable = json.replace(/\\u(0000|d[89a-f][0-9a-f]{2})/g, "\\ufffd");
  return storable === json ? fields : JSON.parse(storable);
}
