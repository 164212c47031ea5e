/**
 * Takes requests for agents in rooms and keeps them.
 *
 * A request is checked (agent known, within the rate limits, metadata valid), then stored in ONE statement: placed at once
 * when a slot is free here and nothing waits before it (direct_placement.ts), else queued for `QueueClaimer`; or handed to
 * LiveKit's server (livekit_placement.ts). Only what is committed is started. What is refused is not stored.
 */
import type { PriorityRequest } from "../agent/hooks.ts";
import { describeDatabaseError } from "../../db/database_error.ts";
import {
  type IdempotencyKey,
  insertQueuedDispatch,
  type NewDispatch,
  type OnceKey,
  type RuleMatch,
} from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import type { Origin, Priority } from "../../db/schema/states.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { LivekitHealth } from "../livekit/livekit_health.ts";
import type { AgentEntry } from "../runtime/agent_catalog.ts";
import type { DispatchLimits } from "./dispatch_limits.ts";
import type { DispatchRequest, Wait } from "./dispatch_request.ts";
import { cancelHere, type CancelOptions, type CancelResult } from "./cancel_here.ts";
import { type DirectPlacementOptions, type DirectRequest, placeDirectly } from "./direct_placement.ts";
import type { DispatchView } from "./dispatch_view.ts";
import { newDispatchView } from "./new_views.ts";
import { sha256Hex } from "./body_hash.ts";
import { findKnownAgent } from "./known_agent.ts";
import type { LiveDispatch, WaitOutcome } from "./live_dispatches.ts";
import type { LivekitPlacement } from "./livekit_placement.ts";
import { checkMetadata, priorityInMetadata } from "./metadata_check.ts";
import { explainNotStored } from "./not_stored.ts";
import { participantProblem } from "./participant_problem.ts";
import { priorityOf, rankAt } from "./priority.ts";
import { requestLike } from "./request_like.ts";
import { type Schedule, scheduleOf } from "./schedule.ts";
import type { DispatchRefusal } from "./refusal.ts";
import { waitingReasonHere, waitingReasonInFleet } from "./waiting_reason.ts";

export const IDEMPOTENCY_TTL_MS = 86_400_000;
/** The caller waits for it. */
const PRIORITY_HOOK_TIMEOUT_MS = 200;
const MAX_WAKE_AHEAD_MS = 600_000;

export interface DispatcherOptions extends DirectPlacementOptions, CancelOptions {
  /** Name of the LiveKit server in rows and answers. */
  server: string;
  health: LivekitHealth;
  placement: LivekitPlacement;
  /** Told of requests whose storing failed, because they may be stored all the same. */
  unconfirmed?: { add(dispatchId: string, once: OnceKey | null): void };
  /** Asks the instance that runs a dispatch. Absent: what runs elsewhere can't be cancelled from here. */
  elsewhere?: { cancel(id: string, actor: string): Promise<CancelResult> };
  /** Wakes the queue's claimer: now, or when a scheduled dispatch may be claimed. */
  wakeQueue: () => void;
  wakeQueueAt?: (at: Date) => void;
  /** Whether another instance takes jobs of an agent, or at least has it. */
  isServedElsewhere?: (agent: string) => boolean;
  isHostedElsewhere?: (agent: string) => boolean;
  /** Rate limits; absent: none. */
  limits?: DispatchLimits;
  maxMetadataBytes: number;
  queueCapacity: number;
  maxWaiters: number;
  logger: Logger;
  now?: () => Date;
}

/** Who asks, for the history ("rest:<key name>") and for the dispatch's origin. */
export interface Requester {
  actor: string;
  origin: Origin;
  traceparent: string | null;
  retryOf?: string;
  /** Of a rule: it is stored once for each of these. */
  ruleMatch?: RuleMatch;
  /** Stored once under this key, unless the request has one of its own. */
  once?: { key: string; keepMs: number };
}

export interface WaitFor {
  wait: Wait;
  waitMs: number;
  onWaitTimeout: "continue" | "cancel";
}

export type RequestResult =
  | { ok: true; dispatch: DispatchView; isNew: boolean; outcome: WaitOutcome }
  | { ok: false; refusal: DispatchRefusal };

interface Accepted {
  request: DispatchRequest;
  requester: Requester;
  metadata: unknown;
  priority: Priority;
  schedule: Extract<Schedule, { ok: true }>;
  idempotency: OnceKey | null;
  createdAt: Date;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #now: () => Date;
  #waiterCount = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Checks, stores, starts and waits as asked. Throws only when the database does. */
  async request(request: DispatchRequest, requester: Requester, waitFor: WaitFor): Promise<RequestResult> {
    const createdAt = this.#now();
    const { maxWaiters, maxMetadataBytes } = this.#options;
    if (waitFor.wait !== "none" && this.#waiterCount >= maxWaiters) {
      return refused({ code: "too_many_waiters", maxWaiters, retryAfterSeconds: 1 });
    }
    const agent = await findKnownAgent(this.#options, request.agent);
    if (!agent.known) return refused({ code: "unknown_agent", agent: request.agent, nearest: agent.nearest });
    const problem = participantProblem(request, agent.jobType);
    if (problem !== null) {
      return refused({ code: "invalid_participant", agent: request.agent, jobType: agent.jobType, problem });
    }
    const schedule = scheduleOf(request, createdAt);
    if (!schedule.ok) return refused({ code: "invalid_schedule", problem: schedule.problem });
    const limited = this.#limitedBy(request.room, requester);
    if (limited !== null) return refused(limited);
    const verdict = await checkMetadata(agent.checker, request.metadata, maxMetadataBytes);
    if (!verdict.ok) return verdict;
    const idempotency = requester.ruleMatch ?? await idempotencyOf(request, createdAt, requester.once);
    const { metadata } = verdict;
    const priority = priorityOf({
      requested: request.priority ?? null,
      inMetadata: priorityInMetadata(request.metadata),
      fromAgent: await this.#priorityByAgent(agent.entry, request, metadata),
      jobType: agent.jobType,
    });
    const stored = await this.#store(
      { request, requester, metadata, priority, schedule, idempotency, createdAt },
      agent.entry,
    );
    if (!stored.ok) return stored;
    const outcome = await this.#wait(stored.live, waitFor);
    return { ok: true, dispatch: stored.live.view, isNew: stored.isNew, outcome };
  }

  /** Cancels a dispatch wherever it is: waiting (at once), running here, or at another instance (its job is told to end). */
  async cancel(id: string, actor: string): Promise<CancelResult> {
    const here = await this.cancelHere(id, actor);
    const isElsewhere = !here.ok && here.refusal.code === "owned_elsewhere";
    return isElsewhere && this.#options.elsewhere ? await this.#options.elsewhere.cancel(id, actor) : here;
  }

  /** The same for what waits or runs here; `owned_elsewhere` when another instance has to do it. */
  cancelHere(id: string, actor: string): Promise<CancelResult> {
    return cancelHere(this.#options, id, actor, this.#now());
  }

  /** A new dispatch like an ended one, with `retryOf`; other metadata when given. */
  async retry(
    id: string,
    metadata: DispatchRequest["metadata"],
    requester: Requester,
    waitFor: WaitFor,
  ): Promise<RequestResult> {
    const found = await findDispatch(this.#options.database, id);
    if (!found) return refused({ code: "not_found", dispatchId: id });
    const { dispatch } = found;
    if (dispatch.endedAt === null) return refused({ code: "not_ended", dispatchId: id });
    const request = requestLike(dispatch, metadata);
    return await this.request(request, { ...requester, origin: "retry", retryOf: id }, waitFor);
  }

  async #store(
    accepted: Accepted,
    agent: AgentEntry | null,
  ): Promise<{ ok: true; live: LiveDispatch; isNew: boolean } | { ok: false; refusal: DispatchRefusal }> {
    const dispatch = this.#newDispatch(accepted, agent);
    const isOurs = this.#options.regions?.mayPlaceHere(dispatch.agent, dispatch.region ?? null) ?? true;
    const mayStart = waitingReasonHere(agent, this.#options) === null && accepted.schedule.scheduledAt === null &&
      isOurs;
    const change = { actor: accepted.requester.actor, cause: "requested", at: accepted.createdAt };
    const asked = { dispatch, idempotency: accepted.idempotency, change };
    const live = dispatch.placement === "direct" && mayStart ? await this.#placeDirectly(asked) : null;
    if (live) return { ok: true, live, isNew: true };
    const queued = this.#options.live.track(newDispatchView(dispatch, accepted.createdAt));
    const { database, queueCapacity } = this.#options;
    let isQueued = false;
    try {
      const identified = { changeId: crypto.randomUUID(), ...change };
      isQueued = await insertQueuedDispatch(database, dispatch, queueCapacity, identified, accepted.idempotency);
    } catch (error) {
      this.#storingFailed(dispatch.id, accepted.idempotency, error);
      throw error;
    } finally {
      if (!isQueued) this.#options.live.forgetIfIdle(dispatch.id);
    }
    if (!isQueued) return await explainNotStored(this.#options, accepted, dispatch);
    queued.requested();
    if (dispatch.placement === "livekit") this.#options.placement.place(queued);
    else this.#wakeQueue(accepted, isOurs);
    return { ok: true, live: queued, isNew: true };
  }

  async #placeDirectly(asked: DirectRequest): Promise<LiveDispatch | null> {
    try {
      return await placeDirectly(this.#options, asked);
    } catch (error) {
      this.#storingFailed(asked.dispatch.id, asked.idempotency, error);
      throw error;
    }
  }

  /** A statement that was not even sent, because the database is known to be away, has stored nothing. */
  #storingFailed(dispatchId: string, once: OnceKey | null, error: unknown): void {
    const wasSent = describeDatabaseError(error).code !== "away";
    if (wasSent) this.#options.unconfirmed?.add(dispatchId, once);
  }

  /** A start that is far ahead is left to the claimer's poll. `isOurs` false: another region has a little time to take it. */
  #wakeQueue({ schedule: { scheduledAt }, createdAt }: Accepted, isOurs: boolean): void {
    const { regions, wakeQueueAt } = this.#options;
    if (!isOurs && regions) wakeQueueAt?.(new Date(createdAt.getTime() + regions.scope.regionGraceMs));
    if (scheduledAt === null) return this.#options.wakeQueue();
    if (scheduledAt.getTime() - createdAt.getTime() <= MAX_WAKE_AHEAD_MS) this.#options.wakeQueueAt?.(scheduledAt);
  }

  async #wait(live: LiveDispatch, { wait, waitMs, onWaitTimeout }: WaitFor): Promise<WaitOutcome> {
    this.#waiterCount += 1;
    try {
      const outcome = await live.reached(wait, waitMs);
      if (outcome === "timed_out" && onWaitTimeout === "cancel") await this.cancel(live.view.id, "system:wait_timeout");
      return outcome;
    } finally {
      this.#waiterCount -= 1;
      this.#options.live.forgetIfIdle(live.view.id);
    }
  }

  /** What a rule asks for is never limited: nobody would ask again. Nor is the retry of what was let in once. */
  #limitedBy(room: string, { actor, ruleMatch, retryOf }: Requester): DispatchRefusal | null {
    if (ruleMatch || retryOf !== undefined) return null;
    const { limits, server } = this.#options;
    const taken = limits?.take({ server, room, actor }, performance.now());
    if (!taken || taken.ok) return null;
    const { scope, retryAfterMs } = taken;
    return { code: "rate_limited", scope, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) };
  }

  /** Asked only when nobody said a priority; without an answer in time it says none. */
  async #priorityByAgent(
    agent: AgentEntry | null,
    request: DispatchRequest,
    metadata: unknown,
  ): Promise<Priority | null> {
    const { room, participantIdentity = null } = request;
    const isSaid = request.priority !== undefined || priorityInMetadata(request.metadata) !== null;
    if (isSaid || !agent?.descriptor?.hooks.priority) return null;
    const asked: PriorityRequest = { room, participantIdentity, metadata };
    const answer = await agent.hook("priority", asked, PRIORITY_HOOK_TIMEOUT_MS);
    if (answer.ok) return answer.value;
    this.#options.logger.warn("the agent gave no priority", { agent: agent.name, reason: answer.reason });
    return null;
  }

  #newDispatch(
    { request, requester, metadata, priority, schedule, createdAt }: Accepted,
    agent: AgentEntry | null,
  ): NewDispatch {
    const { scheduledAt, deadlineAt } = schedule;
    const placement = request.placement ?? "direct";
    return {
      id: uuidv7(createdAt.getTime()),
      agent: request.agent,
      server: this.#options.server,
      room: request.room,
      priority,
      placement,
      origin: requester.origin,
      retryOf: requester.retryOf ?? null,
      livekitDispatchId: null,
      metadata,
      traceparent: requester.traceparent,
      rankAt: rankAt(scheduledAt ?? createdAt, priority),
      waitingReason: waitingReasonInFleet(request.agent, waitingReasonHere(agent, this.#options), this.#options),
      participantIdentity: request.participantIdentity ?? null,
      region: request.region ?? null,
      oneAgentPerRoom: request.oneAgentPerRoom ?? null,
      scheduledAt,
      deadlineAt,
      ...(requester.ruleMatch === undefined ? {} : { ruleId: requester.ruleMatch.ruleId }),
      // Two rules may want one agent in one room at the same moment, on two instances.
      isAlone: requester.ruleMatch !== undefined && request.participantIdentity === undefined,
    };
  }
}

function refused(refusal: DispatchRefusal): { ok: false; refusal: DispatchRefusal } {
  return { ok: false, refusal };
}

async function idempotencyOf(
  { idempotencyKey, ...body }: DispatchRequest,
  now: Date,
  once: Requester["once"],
): Promise<IdempotencyKey | null> {
  const own = idempotencyKey === undefined ? undefined : { key: idempotencyKey, keepMs: IDEMPOTENCY_TTL_MS };
  const { key, keepMs } = own ?? once ?? { key: null, keepMs: 0 };
  if (key === null) return null;
  return { key, bodyHash: await sha256Hex(body), expiresAt: new Date(now.getTime() + keepMs) };
}
