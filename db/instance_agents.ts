/** Which agents each instance hosts and how much room it has for them, as it last said; ages are by database time. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { json, looseRows, rows } from "./statement.ts";

/** Instances and agents that are read at most. */
const MAX_ROWS = 5_000;

/** An instance's worker of an agent, as the instance tells the others of it. Texts and lists are short: it is told often. */
export interface WorkerReport {
  /** Of its row in `workers`. */
  id: string;
  /** Why it takes no job now; null when it does. */
  refusal: string | null;
  offers: { accepted: number; declined: number; lapsed: number };
  /** Why it declined offers lately, the most frequent first. */
  declines: { reason: string; count: number }[];
  connection: {
    state: string;
    /** ISO 8601, like all times in here. */
    since: string;
    attempts: number;
    lastClose: { code: number; reason: string; at: string; explanation: string; remedy: string } | null;
    lastError: { at: string; explanation: string; remedy: string } | null;
  };
}

/** An agent that an instance hosts. */
export interface HostedAgent {
  agent: string;
  state: "loading" | "ready" | "broken";
  error: string | null;
  /** Hash of its file. */
  version: string;
  jobType: string;
  namespace: string;
  deployment: string;
  /** Most jobs of it on the instance; null: as many as the instance takes. */
  maxJobs: number | null;
  used: number;
  free: number;
  warm: number;
  /** Whether the instance takes new jobs of it (full or not). */
  isAdmitting: boolean;
  /** Null: it has none, or its agent is broken. */
  worker: WorkerReport | null;
}

/** An instance that has not ended, once per agent, or once without any. */
export interface InstanceAgentRow extends Record<string, unknown> {
  instanceId: string;
  hostname: string;
  /** Of Greenroom. */
  instanceVersion: string;
  instanceState: string;
  region: string | null;
  isCordoned: boolean;
  maxJobsOfInstance: number;
  /** Null: the instance has said nothing of agents. */
  hosted: HostedAgent | null;
  /** Since it was said. */
  ageMs: number | null;
}

/** Replaces what is known of the instance. Nothing is written when there is no such instance. */
export async function writeInstanceAgents(
  database: Database,
  instanceId: string,
  agents: readonly HostedAgent[],
): Promise<void> {
  const given = sql`select given.* from instances cross join jsonb_to_recordset(${json(agents)}) as given (agent text,
    state text, error text, version text, "jobType" text, namespace text, deployment text, "maxJobs" int, used int, free int,
    warm int, "isAdmitting" bool, worker jsonb) where instances.id = ${instanceId}::uuid`;
  await looseRows(
    database,
    sql`with given as (${given}), gone as (
      delete from instance_agents where instance_id = ${instanceId}::uuid and agent not in (select agent from given)
    ) insert into instance_agents (instance_id, agent, state, error, worker, version, job_type, namespace, deployment, max_jobs,
        used, free, warm, is_admitting, updated_at)
      select ${instanceId}::uuid, agent, state, error, worker, version, "jobType", namespace, deployment, "maxJobs", used, free,
        warm, "isAdmitting", now() from given
      on conflict (instance_id, agent) do update set state = excluded.state, error = excluded.error,
        worker = excluded.worker, version = excluded.version, job_type = excluded.job_type, namespace = excluded.namespace,
        deployment = excluded.deployment, max_jobs = excluded.max_jobs, used = excluded.used, free = excluded.free,
        warm = excluded.warm, is_admitting = excluded.is_admitting, updated_at = excluded.updated_at`,
  );
}

/** What the other instances said last. */
export async function listOtherInstanceAgents(database: Database, instanceId: string): Promise<InstanceAgentRow[]> {
  const found = await rows<Record<string, unknown>>(
    database,
    sql`select i.id as "instanceId", i.hostname, i.version as "instanceVersion", i.state::text as "instanceState", i.region,
        i.cordoned_at is not null as "isCordoned", i.max_jobs as "maxJobsOfInstance",
        (extract(epoch from now() - a.updated_at) * 1000)::float8 as "ageMs",
        case when a.agent is not null then jsonb_build_object('agent', a.agent, 'state', a.state, 'error', a.error,
          'worker', a.worker, 'version', a.version, 'jobType', a.job_type, 'namespace', a.namespace, 'deployment', a.deployment,
          'maxJobs', a.max_jobs, 'used', a.used, 'free', a.free, 'warm', a.warm, 'isAdmitting', a.is_admitting)::text
        end as hosted
      from instances i left join instance_agents a on a.instance_id = i.id
      where i.ended_at is null and i.id <> ${instanceId}::uuid
      order by i.started_at, i.id, a.agent limit ${MAX_ROWS}::int`,
  );
  return found.map((row) => (
    { ...row, hosted: typeof row.hosted === "string" ? JSON.parse(row.hosted) : null } as InstanceAgentRow
  ));
}

/** Forgets what instances hosted that have ended. */
export async function pruneInstanceAgents(database: Database): Promise<void> {
  await rows(
    database,
    sql`delete from instance_agents a using instances i where i.id = a.instance_id and i.ended_at is not null`,
  );
}

/**
 * Says of what waits whether any instance hosts its agent: sets, or takes back, `agent_not_hosted`. An instance that has not
 * said anything for `staleMs` hosts nothing.
 */
export async function explainUnhosted(database: Database, staleMs: number): Promise<void> {
  await rows(
    database,
    sql`with waiting as (
      select d.id, exists (select from instance_agents a join instances i on i.id = a.instance_id
        where a.agent = d.agent and i.ended_at is null
          and a.updated_at > now() - ${staleMs}::int * interval '1 millisecond') as is_hosted, d.waiting_reason as reason
      from dispatches d where d.state = 'queued' and d.placement = 'direct'
        and (d.waiting_reason is null or d.waiting_reason = 'agent_not_hosted')
    ) update dispatches d set waiting_reason = case when not waiting.is_hosted then 'agent_not_hosted' end
      from waiting where d.id = waiting.id and d.state = 'queued' and waiting.is_hosted = (waiting.reason is not null)`,
  );
}
