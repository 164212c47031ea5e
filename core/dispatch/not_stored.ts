/** What a request is answered when its statement stored nothing. */
import type { Database } from "../../db/client.ts";
import { findDispatch, findDispatchByIdempotencyKey } from "../../db/dispatch_reads.ts";
import { findLiveDispatchInRoom, type NewDispatch, type OnceKey } from "../../db/dispatches.ts";
import { isRuleDone } from "../../db/rules.ts";
import type { DispatchRequest } from "./dispatch_request.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import type { DispatchRefusal } from "./refusal.ts";

export interface NotStoredSources {
  database: Database;
  live: LiveDispatches;
  queueCapacity: number;
}

export type NotStored = { ok: true; live: LiveDispatch; isNew: false } | { ok: false; refusal: DispatchRefusal };

/** A client that is told so comes again after this. */
const QUEUE_FULL_RETRY_S = 5;

/**
 * The idempotency key is in use, the rule has acted on this or is gone, the agent is in the room, or the queue is full.
 * Throws what the database throws.
 */
export async function explainNotStored(
  sources: NotStoredSources,
  { request: { agent }, idempotency }: { request: DispatchRequest; idempotency: OnceKey | null },
  dispatch: NewDispatch,
): Promise<NotStored> {
  const { database, queueCapacity: capacity } = sources;
  const queueFull: DispatchRefusal = { code: "queue_full", agent, capacity, retryAfterSeconds: QUEUE_FULL_RETRY_S };
  if (idempotency && "ruleId" in idempotency) {
    const { ruleId } = idempotency;
    if (await isRuleDone(database, idempotency)) return refused({ code: "rule_done", ruleId });
    const there = dispatch.isAlone ? await findLiveDispatchInRoom(database, dispatch) : null;
    return refused(there === null ? queueFull : { code: "agent_in_room", agent, dispatchId: there });
  }
  const taken = idempotency ? await findDispatchByIdempotencyKey(database, idempotency.key) : null;
  if (!taken) {
    const there = dispatch.oneAgentPerRoom ? await findLiveDispatchInRoom(database, dispatch) : null;
    if (there !== null && dispatch.oneAgentPerRoom === "reuse") return await reuse(sources, there);
    return refused(there === null ? queueFull : { code: "agent_in_room", agent, dispatchId: there });
  }
  if (taken.bodyHash !== idempotency?.bodyHash) {
    return refused({ code: "idempotency_key_reused", dispatchId: taken.dispatchId });
  }
  return await reuse(sources, taken.dispatchId);
}

/** The present state of one that is there already. */
async function reuse({ database, live }: NotStoredSources, id: string): Promise<NotStored> {
  const known = live.find(id);
  if (known) return { ok: true, live: known, isNew: false };
  const found = await findDispatch(database, id);
  if (!found) return refused({ code: "not_found", dispatchId: id });
  return { ok: true, live: live.track(viewOfDispatch(found)), isNew: false };
}

function refused(refusal: DispatchRefusal): NotStored {
  return { ok: false, refusal };
}
