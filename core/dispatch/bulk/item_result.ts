/** What becomes of one item of a bulk operation, from what the dispatcher answers. Pure. */
import type { BulkItemResult } from "../../../db/bulk_items.ts";
import type { CancelResult } from "../cancel_here.ts";
import type { RequestResult } from "../dispatcher.ts";
import type { DispatchRefusal } from "../refusal.ts";

/** `hold`: not now; the operation waits and tries the same item again. */
export type ItemOutcome =
  | { kind: "result"; result: BulkItemResult }
  | { kind: "hold"; code: string; retryAfterMs: number };

/** What stands against the item itself: others in its place were left out of the operation from the start. */
const SKIPS = new Set<DispatchRefusal["code"]>(["not_ended", "not_found", "agent_in_room"]);

/** Codes of skipped items, in words. */
const SKIP_WORDS: Record<string, string> = {
  not_found: "There is no such dispatch.",
  already_ended: "It had ended already.",
  not_ended: "It has not ended.",
  succeeded: "It ended well.",
  retry_under_way: "A retry of it is under way.",
  retried_before: "It was retried before.",
  in_another_operation: "It belongs to another operation that runs.",
  aborted: "The operation was aborted first.",
};

/** Why an item was left out or went wrong; null when its code says nothing and nothing was noted. */
export function reasonOf(code: string | null, reason: string | null): string | null {
  return reason ?? (code === null ? null : SKIP_WORDS[code] ?? null);
}

export function done(resultDispatchId: string | null): ItemOutcome {
  return { kind: "result", result: { state: "done", resultDispatchId, code: null, reason: null } };
}

export function skipped(code: string, resultDispatchId: string | null = null): ItemOutcome {
  return { kind: "result", result: { state: "skipped", resultDispatchId, code, reason: null } };
}

export function failed(code: string, reason: string): ItemOutcome {
  return { kind: "result", result: { state: "failed", resultDispatchId: null, code, reason } };
}

export function outcomeOfRequest(result: RequestResult): ItemOutcome {
  return result.ok ? done(result.dispatch.id) : outcomeOfRefusal(result.refusal);
}

export function outcomeOfCancel(result: CancelResult): ItemOutcome {
  if (!result.ok) return outcomeOfRefusal(result.refusal);
  return result.wasEnded ? skipped("already_ended") : done(null);
}

function outcomeOfRefusal(refusal: DispatchRefusal): ItemOutcome {
  if (refusal.code === "rate_limited" || refusal.code === "queue_full") {
    return { kind: "hold", code: refusal.code, retryAfterMs: refusal.retryAfterSeconds * 1_000 };
  }
  if (SKIPS.has(refusal.code)) {
    const result = { state: "skipped", resultDispatchId: null, code: refusal.code, reason: textOf(refusal) } as const;
    return { kind: "result", result };
  }
  return failed(refusal.code, textOf(refusal) ?? refusal.code);
}

function textOf(refusal: DispatchRefusal): string | null {
  switch (refusal.code) {
    case "unknown_agent":
      return `No agent named "${refusal.agent}" has ever run here.`;
    case "invalid_metadata":
      return refusal.errors.slice(0, 3).map(({ path, message }) => `${path}: ${message}`).join("; ");
    case "metadata_too_large":
      return `The metadata has ${refusal.bytes} bytes; ${refusal.maxBytes} are allowed.`;
    case "metadata_unchecked":
      return `The metadata could not be checked: ${refusal.message}`;
    case "invalid_participant":
      return `The participant does not fit the agent: ${refusal.problem.replaceAll("_", " ")}.`;
    case "invalid_schedule":
      return `It can't be scheduled so: ${refusal.problem.replaceAll("_", " ")}.`;
    case "idempotency_key_reused":
      return `The idempotency key belongs to dispatch ${refusal.dispatchId}, whose request was different.`;
    case "agent_in_room":
      return `Dispatch ${refusal.dispatchId} keeps the agent in this room.`;
    case "owned_elsewhere":
      return "Another instance runs it.";
    default:
      return "message" in refusal ? refusal.message : null;
  }
}
