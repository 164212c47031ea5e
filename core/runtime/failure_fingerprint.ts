/**
 * Groups failures: the same for those of one kind whose message differs only in numbers, ids, addresses and quoted parts.
 * Pure; the text is kept readable, because the group is shown by it.
 */
import type { JobFailure } from "./job_end.ts";

const MAX_CHARS = 160;

export function failureFingerprint({ kind, message }: Pick<JobFailure, "kind" | "message">): string {
  const [firstLine = ""] = message.split("\n");
  const wording = firstLine
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "…")
    .replaceAll(/"[^"]*"|'[^']*'|`[^`]*`/g, "…")
    .replaceAll(/\b[A-Z]{2}_[A-Za-z0-9]{6,}\b/g, "…")
    .replaceAll(/0x[0-9a-f]+|\d+(?:[.:]\d+)*/gi, "…");
  return `${kind}: ${wording}`.slice(0, MAX_CHARS);
}
