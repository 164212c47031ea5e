/**
 * Jobs that run again what LiveKit's server had placed: of standing dispatches (one job per participant), and of those that
 * were placed directly from the second attempt on. LiveKit knows nothing of these jobs, but its dispatch still counts.
 */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Says of a job that no other one follows it for its participant. */
export const NOT_RERUN = "not_rerun";

/** A standing dispatch's last job for one participant, which failed. */
export interface LostParticipantJob {
  jobId: string;
  leaseToken: string;
  dispatchId: string;
  livekitDispatchId: string;
  agent: string;
  room: string;
  participant: string;
  /** Jobs for this participant so far. */
  jobCount: number;
  endedAt: Date;
  failureKind: string;
  failureMessage: string;
  failureClass: string | null;
  retryAfterMs: number | null;
}

/**
 * Those whose agent is one of `agents`, oldest first: what failed on this instance at once, on another one when that has had
 * its time for it, or is dead.
 */
export async function listLostParticipantJobs(
  database: Database,
  { server, instanceId, agents, limit }: {
    server: string;
    instanceId: string;
    agents: readonly string[];
    limit: number;
  },
): Promise<LostParticipantJob[]> {
  const found = await rows<
    Omit<LostParticipantJob, "endedAt"> & { endedAtMs: string } & Record<string, unknown>
  >(
    database,
    sql`select j.id as "jobId", j.lease_token as "leaseToken", d.id as "dispatchId",
        d.livekit_dispatch_id as "livekitDispatchId", d.agent, d.room, j.participant,
        n.job_count as "jobCount",
        (extract(epoch from j.ended_at) * 1000)::bigint::text as "endedAtMs", j.failure_kind as "failureKind",
        coalesce(j.failure_message, '') as "failureMessage", j.failure_class as "failureClass",
        j.retry_after_ms as "retryAfterMs"
      from dispatches d cross join lateral (
        select distinct on (participant) * from jobs where dispatch_id = d.id and participant is not null
        order by participant, created_at desc, id desc
      ) j cross join lateral (
        select count(*)::int as job_count from jobs where dispatch_id = d.id and participant = j.participant
      ) n
      where d.server = ${server} and d.state in ('placed', 'running') and d.placement = 'livekit'
        and d.participant_identity is null and d.livekit_dispatch_id is not null
        and d.agent in (select jsonb_array_elements_text(${JSON.stringify(agents)}::text::jsonb))
        and j.state = 'failed' and not ${NOT_RERUN} = any(j.flags)
        and (j.instance_id = ${instanceId} or j.failure_kind = 'instance_lost' or j.ended_at < now() - interval '10 seconds')
      order by j.ended_at limit ${limit}::int`,
  );
  return found.map(({ endedAtMs, ...job }) => ({ ...job, endedAt: new Date(Number(endedAtMs)) }));
}

export interface RunningRerun extends Record<string, unknown> {
  dispatchId: string;
  livekitDispatchId: string;
  room: string;
  /** Null for a dispatch that waits for its next attempt. */
  jobId: string | null;
}

/** Of this instance's jobs, and of all that wait, those whose dispatch is LiveKit's and whose job is not. */
export async function listReruns(
  database: Database,
  { server, instanceId, limit }: { server: string; instanceId: string; limit: number },
): Promise<RunningRerun[]> {
  return await rows<RunningRerun>(
    database,
    sql`select d.id as "dispatchId", d.livekit_dispatch_id as "livekitDispatchId", d.room, j.id as "jobId"
      from jobs j join dispatches d on d.id = j.dispatch_id
      where j.instance_id = ${instanceId} and j.state in ('created', 'assigned', 'running') and j.livekit_job_id is null
        and d.livekit_dispatch_id is not null and d.server = ${server}
      union all
      select id, livekit_dispatch_id, room, null from dispatches
      where state = 'queued' and placement = 'direct' and attempts > 0 and livekit_dispatch_id is not null
        and server = ${server}
      limit ${limit}::int`,
  );
}
