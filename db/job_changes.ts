/**
 * Changes of running jobs, many in one guarded statement: each row's job decides (id, lease token, allowed source state),
 * its dispatch follows in the same statement, and history is written only where the guard held. One row is refused or
 * applied without touching the others.
 *
 * Two changes of one dispatch must not share a statement: `update … from` takes one row per target. The lifecycle writer
 * (core/coordination/lifecycle_writer.ts) sees to it.
 */
import { type SQL, sql } from "drizzle-orm";
import { CANCEL_REQUESTED } from "./cancel_requests.ts";
import type { Database } from "./client.ts";
import type { JobFailureColumns, JobKey } from "./job_key.ts";
import { DISPATCH_TRANSITIONS, JOB_TRANSITIONS } from "./lifecycle.ts";
import type { DispatchState, JobState } from "./schema/states.ts";
import { rows } from "./statement.ts";

/** What becomes of a dispatch when one of its jobs has ended. */
export type NextStep =
  /** It ends as the job did. */
  | { kind: "final" }
  /**
   * It waits for another attempt, not before `notBefore` (null: at once), unless its cancel was asked for: then it ends as
   * cancelled. Not for standing dispatches: they go on.
   */
  | { kind: "retry"; notBefore: Date | null }
  /** It goes on: other jobs of it run, or may come. */
  | { kind: "none" };

export interface JobResources {
  peakMemoryBytes: number;
  cpuMs: number;
}

export interface JobEndColumns {
  state: "succeeded" | "failed" | "cancelled";
  endReason: string;
  /** Kept for a cancelled job too: what else went wrong. */
  failure: JobFailureColumns | null;
  flags: readonly string[];
  resources: JobResources | null;
  humanSeenAt: Date | null;
}

interface ChangeOfJob {
  job: JobKey;
  /** Made before the first try; what a repeated try is recognised by. */
  changeId: string;
  actor: string;
  cause: string;
  at: Date;
}

export type JobChange =
  & ChangeOfJob
  & (
    /** assigned → running: the child called the agent's entry. */
    | { kind: "entered"; pid: number | null }
    /** A stamp, not a change of state. */
    | { kind: "connected" | "ready" }
    | { kind: "ended"; end: JobEndColumns; next: NextStep }
  );

/** Applies the changes. Returns, for each, whether it was applied; false: the guard refused it and nothing was changed. */
export async function applyJobChanges(database: Database, changes: readonly JobChange[]): Promise<boolean[]> {
  const payload = JSON.stringify(changes.map(toRecord));
  const applied = await rows<{ n: number }>(
    database,
    sql`with c as materialized (
      select r.*, j.state::text as job_from, d.state::text as dispatch_from
      from jsonb_to_recordset(${payload}::text::jsonb) as r (${RECORD})
        join jobs j on j.id = r.job_id left join dispatches d on d.id = r.dispatch_id
      where ${FEW}
    ), job as (
      update jobs j set state = coalesce(c.to_state, j.state),
        entered_at = case c.kind when 'entered' then c.at else j.entered_at end,
        connected_at = case c.kind when 'connected' then c.at else j.connected_at end,
        ready_at = case c.kind when 'ready' then c.at else j.ready_at end,
        ended_at = case c.kind when 'ended' then c.at else j.ended_at end,
        pid = coalesce(c.pid, j.pid), isolation = coalesce(c.isolation, j.isolation), end_reason = coalesce(c.end_reason, j.end_reason),
        failure_kind = c.failure_kind, failure_message = c.failure_message, failure_fingerprint = c.failure_fingerprint,
        failure_class = c.failure_class, retry_after_ms = c.retry_after_ms, exit_code = c.exit_code, signal = c.signal,
        flags = case when c.flags is null then j.flags else array(select distinct unnest(j.flags || c.flags)) end,
        human_seen_at = coalesce(c.human_seen_at, j.human_seen_at),
        change_id = case when c.to_state is null then j.change_id else c.change_id end
      from c where j.id = c.job_id and j.lease_token = c.lease_token and case
        when c.kind = 'connected' then j.state = 'running' and coalesce(j.connected_at = c.at, true)
        when c.kind = 'ready' then j.state = 'running' and coalesce(j.ready_at = c.at, true)
        else (j.state::text, c.to_state::text) in (${JOB_PAIRS}) end
      returning c.*, c.wants_retry and ${CANCEL_REQUESTED} = any(j.flags) as is_cancelled
    ), step as (
      -- From the row as it was written: a cancel that came meanwhile is seen.
      select *, wants_retry and not is_cancelled as is_retry,
        case when is_cancelled then 'cancelled'::dispatch_state else dispatch_wanted end as dispatch_to from job
    ), details as (
      insert into job_details (job_id, failure_stack, peak_memory_bytes, cpu_ms)
      select c.job_id, c.failure_stack, c.peak_memory_bytes, c.cpu_ms from job c
      where c.failure_stack is not null or c.peak_memory_bytes is not null
      on conflict (job_id) do update set failure_stack = excluded.failure_stack,
        peak_memory_bytes = excluded.peak_memory_bytes, cpu_ms = excluded.cpu_ms
    ), dispatch as (
      update dispatches d set state = coalesce(c.dispatch_to, d.state),
        assigned_at = case when c.is_retry then null else d.assigned_at end,
        entered_at = case when c.is_retry then null when c.kind = 'entered' then c.at else d.entered_at end,
        connected_at = case when c.is_retry then null when c.kind = 'connected' then coalesce(d.connected_at, c.at)
          else d.connected_at end,
        ready_at = case when c.is_retry then null when c.kind = 'ready' then coalesce(d.ready_at, c.at)
          else d.ready_at end,
        ended_at = case when c.kind = 'ended' and not c.is_retry then c.at end,
        not_before = case when c.is_retry then c.not_before else d.not_before end,
        placement = case when c.is_retry then 'direct' else d.placement end,
        waiting_reason = case when c.is_retry then 'retrying' end,
        failure_code = case c.dispatch_to when 'failed' then c.failure_code end,
        failure_message = case c.dispatch_to when 'failed' then c.failure_message end,
        failure_remedy = case c.dispatch_to when 'failed' then c.failure_remedy end,
        change_id = case when c.dispatch_to is null then d.change_id else c.change_id end
      from step c where d.id = c.dispatch_id and case
        when c.kind in ('connected', 'ready') then d.state = 'running'
        else (d.state::text, c.dispatch_to::text) in (${DISPATCH_PAIRS}) and not (c.kind = 'ended'
          and ${IS_STANDING}) end
      returning c.*
    ), history as (
      insert into transitions (id, at, subject, dispatch_id, job_id, from_state, to_state, cause, actor, change_id)
      select gen_random_uuid(), c.at, 'job'::transition_subject, c.dispatch_id, c.job_id, c.job_from,
        c.to_state::text, c.cause, c.actor, c.change_id
      from job c where c.to_state is not null
      union all
      select gen_random_uuid(), c.at, 'dispatch'::transition_subject, c.dispatch_id, null::uuid, c.dispatch_from,
        c.dispatch_to::text, c.cause, c.actor, c.change_id
      from dispatch c where c.dispatch_to is not null
    ) select n from job`,
  );
  const numbers = new Set(applied.map(({ n }) => n));
  return changes.map((_, n) => numbers.has(n));
}

/**
 * Which of the (refused) changes are in the database all the same: written by an earlier try whose answer was lost. False
 * means that the job has moved on under another token, or to another end.
 */
export async function areJobChangesApplied(database: Database, changes: readonly JobChange[]): Promise<boolean[]> {
  const payload = JSON.stringify(changes.map(toRecord));
  const applied = await rows<{ n: number }>(
    database,
    sql`select c.n from jsonb_to_recordset(${payload}::text::jsonb) as c (${RECORD})
      join jobs j on j.id = c.job_id and j.lease_token = c.lease_token
      where case c.kind when 'connected' then j.connected_at = c.at when 'ready' then j.ready_at = c.at
        when 'entered' then j.entered_at = c.at else j.change_id = c.change_id end`,
  );
  const numbers = new Set(applied.map(({ n }) => n));
  return changes.map((_, n) => numbers.has(n));
}

const RECORD = sql.raw(
  `n int, job_id uuid, dispatch_id uuid, lease_token uuid, change_id uuid, at timestamptz(3), actor text,
  cause text, kind text, to_state job_state, dispatch_wanted dispatch_state, pid int,
  isolation job_isolation, end_reason text, failure_code text,
  failure_kind text, failure_message text, failure_fingerprint text, failure_class text, retry_after_ms int,
  failure_remedy text, failure_stack text, exit_code int, signal text, flags text[], human_seen_at timestamptz(3),
  peak_memory_bytes bigint, cpu_ms int, wants_retry boolean, not_before timestamptz(3)`,
);

/**
 * Always true, and estimated as one row: else the planner expects 100 and, while a table is small or was when the plan was
 * made, reads all of it for each batch (measured: half of the statement's CPU).
 */
const FEW = sql.raw(`r.n between 0 and 1000000`);

/**
 * LiveKit starts a job of such a dispatch for each participant, so that it outlives each of them: standing_dispatches.ts
 * ends it.
 */
const IS_STANDING = sql.raw(`d.placement = 'livekit' and d.participant_identity is null
            and exists (select from jobs where id = c.job_id and participant is not null)`);

const JOB_PAIRS = pairs(JOB_TRANSITIONS);
const DISPATCH_PAIRS = pairs(DISPATCH_TRANSITIONS);

function pairs(transitions: Readonly<Record<string, readonly string[]>>): SQL {
  const all = Object.entries(transitions).flatMap(([from, targets]) => targets.map((to) => `('${from}', '${to}')`));
  return sql.raw(all.join(", "));
}

/** One line of RECORD; what is missing is null. */
function toRecord(change: JobChange, n: number): Record<string, unknown> {
  const { job, changeId, actor, cause, at, kind } = change;
  const ids = { n, job_id: job.jobId, dispatch_id: job.dispatchId, lease_token: job.leaseToken, change_id: changeId };
  const base = { ...ids, actor, cause, kind, at: at.toISOString(), wants_retry: false };
  if (change.kind === "entered") {
    // Every process has an id, so a job without one runs in the control plane itself.
    const isolation = change.pid === null ? "inline" : "process";
    return { ...base, ...states("running", "running"), pid: change.pid, isolation };
  }
  if (change.kind !== "ended") return base;
  const { end, next } = change;
  const { failure, resources } = end;
  return {
    ...base,
    ...states(end.state, next.kind === "final" ? end.state : next.kind === "retry" ? "queued" : null),
    wants_retry: next.kind === "retry",
    not_before: next.kind === "retry" ? next.notBefore?.toISOString() ?? null : null,
    end_reason: end.endReason,
    failure_code: failure?.code ?? null,
    failure_kind: failure?.kind ?? null,
    failure_message: failure?.message ?? null,
    failure_fingerprint: failure?.fingerprint ?? null,
    failure_class: failure?.class ?? null,
    retry_after_ms: failure?.retryAfterMs ?? null,
    failure_remedy: failure?.remedy ?? null,
    failure_stack: failure?.stack ?? null,
    exit_code: failure?.exitCode ?? null,
    signal: failure?.signal ?? null,
    flags: end.flags,
    human_seen_at: end.humanSeenAt?.toISOString() ?? null,
    peak_memory_bytes: resources?.peakMemoryBytes ?? null,
    cpu_ms: resources?.cpuMs ?? null,
  };
}

function states(job: JobState, dispatch: DispatchState | null) {
  return { to_state: job, dispatch_wanted: dispatch };
}
