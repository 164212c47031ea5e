import { sql } from "drizzle-orm";
import { check, index, integer, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { at, json } from "./columns.ts";
import { dispatchOrigin, dispatchPlacement, dispatchPriority, dispatchState } from "./states.ts";

/** A request that an agent be in a room: a promise we keep, by one job after another. */
export const dispatches = pgTable("dispatches", {
  id: uuid().primaryKey(),
  agent: text().notNull(),
  /** LiveKit server that the room lives on. */
  server: text().notNull(),
  room: text().notNull(),
  state: dispatchState().notNull(),
  priority: dispatchPriority().notNull().default("normal"),
  placement: dispatchPlacement().notNull(),
  origin: dispatchOrigin().notNull(),
  retryOf: uuid("retry_of"),
  /** AD_… of LiveKit's own dispatch, when there is one. */
  livekitDispatchId: text("livekit_dispatch_id"),
  metadata: json(),
  traceparent: text(),
  /** The participant that a participant or publisher agent is wanted for; null for room agents. */
  participantIdentity: text("participant_identity"),
  /** Region that was asked for: an instance there is preferred. */
  region: text(),
  /** What to do when this agent is in the room already, "refuse" or "reuse"; null allows several. */
  oneAgentPerRoom: text("one_agent_per_room"),
  /** Rule that asked for it. */
  ruleId: uuid("rule_id"),
  attempts: integer().notNull().default(0),
  /** created_at minus the priority's head start: the queue's order, with ageing built in. */
  rankAt: at("rank_at").notNull(),
  /** Not claimable before. */
  notBefore: at("not_before"),
  /** When it was asked to start; null for at once. */
  scheduledAt: at("scheduled_at"),
  /** Expires when it is not ready by then; null for never. */
  deadlineAt: at("deadline_at"),
  /** Why it is still queued, in a code; null when it isn't or nothing is wrong. */
  waitingReason: text("waiting_reason"),
  createdAt: at("created_at").notNull(),
  assignedAt: at("assigned_at"),
  enteredAt: at("entered_at"),
  connectedAt: at("connected_at"),
  readyAt: at("ready_at"),
  endedAt: at("ended_at"),
  failureCode: text("failure_code"),
  failureMessage: text("failure_message"),
  failureRemedy: text("failure_remedy"),
  /** Id of the change that wrote the present state, made before its first try. */
  changeId: uuid("change_id").notNull(),
}, (t) => [
  index("dispatches_queue").on(t.agent, t.rankAt).where(sql`${t.state} = 'queued' and ${t.placement} = 'direct'`),
  index("dispatches_created").on(t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("dispatches_state").on(t.state, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("dispatches_agent").on(t.agent, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("dispatches_agent_state").on(t.agent, t.state, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()).where(
    sql`${t.state} in ('failed', 'cancelled', 'expired')`,
  ),
  index("dispatches_failed").on(t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()).where(
    sql`${t.failureCode} is not null`,
  ),
  index("dispatches_room").on(t.room, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("dispatches_retry_of").on(t.retryOf).where(sql`${t.retryOf} is not null`),
  index("dispatches_live").on(t.server, t.room).where(sql`${t.state} in ('queued', 'placed', 'running')`),
  uniqueIndex("dispatches_livekit_id").on(t.server, t.livekitDispatchId).where(sql`${t.livekitDispatchId} is not null`),
  index("dispatches_deadline").on(t.deadlineAt).where(
    sql`${t.state} in ('queued', 'placed') and ${t.deadlineAt} is not null`,
  ),
  index("dispatches_not_before").on(t.notBefore).where(sql`${t.state} = 'queued' and ${t.notBefore} is not null`),
  check(
    "dispatches_ended",
    sql`(${t.state} in ('succeeded', 'failed', 'cancelled', 'expired')) = (${t.endedAt} is not null)`,
  ),
  check("dispatches_failure", sql`${t.state} <> 'failed' or ${t.failureCode} is not null`),
]);
