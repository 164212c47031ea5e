/**
 * Orphans: live jobs of instances that are gone. Watching one is a claim of its own (rescuer, until when); the job stays
 * its owner's until the statement that ends it (db/job_changes.ts, guarded by the owner's lease token).
 */
import { sql } from "drizzle-orm";
import { CANCEL_REQUESTED } from "./cancel_requests.ts";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export interface Orphan {
  jobId: string;
  dispatchId: string;
  leaseToken: string;
  /** The instance that ran it. */
  instanceId: string;
  attempt: number;
  agent: string;
  server: string;
  room: string;
  /** Identity of the triggering participant; null for room jobs. */
  participant: string | null;
  /** Identity of the lost agent in its room. */
  participantIdentity: string;
  wasConnected: boolean;
  hadHumans: boolean;
  /** The owner's last heartbeat. */
  lastSeenAt: Date;
  /** LiveKit starts a job of the dispatch for each participant: it does not end with this one. */
  isStanding: boolean;
  /** Its cancel was asked for when its owner could not be told (cancel_requests.ts). */
  isCancelRequested: boolean;
}

/** Claims orphans, or renews our claim on them, for `forMs` of database time. */
export async function claimOrphans(
  database: Database,
  { rescuerId, forMs, limit }: { rescuerId: string; forMs: number; limit: number },
): Promise<Orphan[]> {
  const found = await rows<Omit<Orphan, "lastSeenAt"> & { seen: string }>(
    database,
    sql`with candidate as (
      select j.id from jobs j join instances i on i.id = j.instance_id
      where j.state in ('created', 'assigned', 'running') and i.ended_at is not null
        and j.instance_id <> ${rescuerId}::uuid
        and (j.rescuer_id is null or j.rescuer_id = ${rescuerId}::uuid or j.rescue_until < now())
      order by j.created_at limit ${limit}::int for update of j skip locked
    )
    update jobs j set rescuer_id = ${rescuerId}::uuid, rescue_until = now() + make_interval(secs => ${forMs}::float8 / 1000)
      from candidate, dispatches d, instances i
      where j.id = candidate.id and d.id = j.dispatch_id and i.id = j.instance_id
      returning j.id as "jobId", j.dispatch_id as "dispatchId", j.lease_token as "leaseToken",
        j.instance_id as "instanceId", j.attempt, j.agent, j.server, j.room, j.participant,
        j.participant_identity as "participantIdentity", j.connected_at is not null as "wasConnected",
        j.human_seen_at is not null as "hadHumans",
        (d.placement = 'livekit' and d.participant_identity is null and j.participant is not null) as "isStanding",
        ${CANCEL_REQUESTED} = any(j.flags) as "isCancelRequested",
        (extract(epoch from i.heartbeat_at) * 1000)::bigint::text as seen`,
  );
  return found.map(({ seen, ...orphan }) => ({ ...orphan, lastSeenAt: new Date(Number(seen)) }));
}

/** Which of these jobs are ours no more: under another lease, or ended by a rescuer (no owner records these). */
export async function listMovedOn(
  database: Database,
  jobs: readonly { jobId: string; leaseToken: string }[],
): Promise<string[]> {
  const payload = JSON.stringify(jobs.map(({ jobId, leaseToken }) => ({ id: jobId, lease: leaseToken })));
  const found = await rows<{ id: string }>(
    database,
    sql`select j.id from jsonb_to_recordset(${payload}::text::jsonb) as c (id uuid, lease uuid) join jobs j on j.id = c.id
      where j.lease_token <> c.lease or j.failure_kind = 'instance_lost' or j.end_reason = 'silent_room'`,
  );
  return found.map(({ id }) => id);
}
