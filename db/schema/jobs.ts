import { sql } from "drizzle-orm";
import { check, index, integer, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { at } from "./columns.ts";
import { dispatches } from "./dispatches.ts";
import { jobIsolation, jobState } from "./states.ts";

/** One run of an agent in a room. Narrow and hot: state, lease, stamps; the rest is in job_details. */
export const jobs = pgTable("jobs", {
  id: uuid().primaryKey(),
  dispatchId: uuid("dispatch_id").notNull().references(() => dispatches.id, { onDelete: "cascade" }),
  attempt: integer().notNull(),
  agent: text().notNull(),
  server: text().notNull(),
  room: text().notNull(),
  /** Identity of the participant that triggered the job; null for room jobs. */
  participant: text(),
  state: jobState().notNull(),
  isolation: jobIsolation().notNull().default("process"),
  instanceId: uuid("instance_id").notNull(),
  workerId: uuid("worker_id"),
  participantIdentity: text("participant_identity").notNull(),
  livekitJobId: text("livekit_job_id"),
  pid: integer(),
  /** Fencing token: a write under another token changes nothing. */
  leaseToken: uuid("lease_token").notNull(),
  createdAt: at("created_at").notNull(),
  assignedAt: at("assigned_at"),
  enteredAt: at("entered_at"),
  connectedAt: at("connected_at"),
  readyAt: at("ready_at"),
  endedAt: at("ended_at"),
  endReason: text("end_reason"),
  failureKind: text("failure_kind"),
  failureMessage: text("failure_message"),
  /** Same for failures of one kind and wording: failed jobs are grouped by it. */
  failureFingerprint: text("failure_fingerprint"),
  exitCode: integer("exit_code"),
  signal: text(),
  /** What the error says about trying again: "retryable", "fatal", "validation", "network", "unknown". */
  failureClass: text("failure_class"),
  /** Least time before the next attempt, when the error named one. */
  retryAfterMs: integer("retry_after_ms"),
  /** What was noticed while it ran: "never_connected", "never_ready", "memory_high", … */
  flags: text().array().notNull().default(sql`'{}'`),
  /** When a human was last seen in the room; null when never. */
  humanSeenAt: at("human_seen_at"),
  /** Instance that watches this orphaned job, until when it may. */
  rescuerId: uuid("rescuer_id"),
  rescueUntil: at("rescue_until"),
  changeId: uuid("change_id").notNull(),
}, (t) => [
  uniqueIndex("jobs_live").on(t.dispatchId, sql`coalesce(${t.participant}, '')`)
    .where(sql`${t.state} in ('created', 'assigned', 'running')`),
  uniqueIndex("jobs_livekit_id").on(t.server, t.livekitJobId).where(sql`${t.livekitJobId} is not null`),
  index("jobs_dispatch").on(t.dispatchId),
  index("jobs_instance_live").on(t.instanceId).where(sql`${t.state} in ('created', 'assigned', 'running')`),
  index("jobs_state").on(t.state, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("jobs_agent").on(t.agent, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("jobs_room").on(t.room, t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  index("jobs_failed").on(t.endedAt.desc().nullsFirst(), t.failureFingerprint, t.failureKind, t.agent).where(
    sql`${t.state} = 'failed'`,
  ),
  index("jobs_created").on(t.createdAt.desc().nullsFirst(), t.id.desc().nullsFirst()),
  check("jobs_ended", sql`(${t.state} in ('succeeded', 'failed', 'cancelled')) = (${t.endedAt} is not null)`),
  check("jobs_failure", sql`${t.state} <> 'failed' or ${t.failureKind} is not null`),
]);
