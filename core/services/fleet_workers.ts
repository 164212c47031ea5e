/**
 * The workers of the whole fleet: this instance's as they are, the others' from their rows (db/worker_reads.ts) and what their
 * instances last told of them (coordination/fleet_directory.ts). What is not known is null. Pure.
 */
import type { HostedAgent, WorkerReport } from "../../db/instance_agents.ts";
import type { WorkerRow } from "../../db/worker_reads.ts";
import { type OtherInstance, STALE_MS } from "../coordination/fleet_directory.ts";
import { explainClose } from "../livekit/connection_explanations.ts";
import type { WorkerConnectionSnapshot } from "../livekit/worker_state.ts";
import type { WorkerLoad } from "../livekit/worker_messages.ts";
import type { AgentWorker } from "../worker/agent_worker.ts";

/** As WorkerConnectionSnapshot; `since` of another instance's may be when its row was last written. */
export interface FleetConnection {
  /** "unknown" when its instance has not been heard of in time. */
  state: WorkerConnectionSnapshot["state"] | "unknown";
  workerId: string | null;
  since: Date;
  attempts: number | null;
  lastClose:
    | { code: number; reason: string | null; at: Date | null; explanation: string; remedy: string }
    | null;
  lastError: { at: Date; explanation: string; remedy: string | null } | null;
  /** These four only its own instance tells. */
  serverInfo: WorkerConnectionSnapshot["serverInfo"];
  settledAt: Date | null;
  pingRttMs: number | null;
  framesDropped: number | null;
}

export interface FleetWorker {
  id: string;
  instanceId: string;
  agent: string;
  jobType: string;
  server: string;
  namespace: string;
  deployment: string;
  /** "explicit" or "automatic"; of other instances' unknown. */
  dispatch: string | null;
  status: WorkerLoad["status"] | null;
  loadRatio: number | null;
  jobCount: number | null;
  /** Why it takes no job now; null when it does, or when that is unknown (`status` is then null too). */
  refusal: string | null;
  offers: WorkerReport["offers"] | null;
  /** Why it declined offers in the last ten minutes, the most frequent first. */
  declines: WorkerReport["declines"] | null;
  connection: FleetConnection;
  /** How old this is; 0: of the instance that answers; null: its instance has told nothing yet. */
  ageMs: number | null;
  /** It was not repeated in time, so what changes is unknown. */
  isStale: boolean;
}

/** What a report holds at most. */
const MAX_REASONS = 10;
const MAX_REASON_CHARS = 120;
const MAX_EXPLANATION_CHARS = 500;

/** A worker of this instance. */
export function ownWorker(worker: AgentWorker, instanceId: string, nowMs: number): FleetWorker {
  const { id, agent, jobType, server, descriptor, refusal, offers, declines } = worker;
  const { namespace, deployment, dispatch } = descriptor;
  return {
    ...{ id, instanceId, agent, jobType, server, namespace, deployment, dispatch },
    ...worker.load(),
    ...{ refusal, offers, declines: declines.recent(nowMs) },
    connection: worker.snapshot(),
    ...{ ageMs: 0, isStale: false },
  };
}

/** What the other instances are told of a worker. */
export function workerReport(
  worker: Pick<AgentWorker, "id" | "refusal" | "offers" | "declines" | "snapshot">,
  nowMs: number,
): WorkerReport {
  const { id, refusal, offers: { accepted, declined, lapsed } } = worker;
  const { state, since, attempts, lastClose, lastError } = worker.snapshot();
  return {
    ...{ id, refusal, offers: { accepted, declined, lapsed } },
    declines: worker.declines.recent(nowMs).slice(0, MAX_REASONS)
      .map(({ reason, count }) => ({ reason: short(reason, MAX_REASON_CHARS), count })),
    connection: {
      ...{ state, since: since.toISOString(), attempts },
      lastClose: lastClose &&
        { code: lastClose.code, ...told(lastClose), reason: short(lastClose.reason, MAX_REASON_CHARS) },
      lastError: lastError && told(lastError),
    },
  };
}

function told({ at, explanation, remedy }: { at: Date; explanation: string; remedy: string }) {
  return {
    at: at.toISOString(),
    explanation: short(explanation, MAX_EXPLANATION_CHARS),
    remedy: short(remedy, MAX_EXPLANATION_CHARS),
  };
}

/** Others' words: bounded, and such that Postgres takes them as JSON. */
function short(text: string, maxChars: number): string {
  return text.slice(0, maxChars).replaceAll("\u0000", "\uFFFD").toWellFormed();
}

/** Workers of the other instances, those of one instance together. */
export function otherWorkers(rows: readonly WorkerRow[], others: readonly OtherInstance[]): FleetWorker[] {
  return others.flatMap((other) => {
    const own = rows.filter(({ instanceId }) => instanceId === other.instanceId);
    const ages = other.agents.map(({ ageMs }) => ageMs);
    const ageMs = ages.length === 0 ? null : Math.min(...ages);
    return own.map((row) => ofRow(row, ageMs, other.agents.find(({ agent }) => agent === row.agent) ?? null));
  });
}

function ofRow(row: WorkerRow, ageMs: number | null, hosted: HostedAgent | null): FleetWorker {
  const { id, instanceId, agent, jobType, server, namespace, deployment } = row;
  const isStale = ageMs === null || ageMs > STALE_MS;
  const report = hosted?.worker?.id === id ? hosted.worker : null;
  // One worker per agent takes jobs; an older one of it (ids are in the order of time) is being replaced.
  const isRetired = hosted?.worker ? id < hosted.worker.id : false;
  const known = isStale ? null : report;
  return {
    ...{ id, instanceId, agent, jobType, server, namespace, deployment, dispatch: null },
    status: isStale || hosted === null ? null : hosted.free > 0 && !isRetired ? "available" : "full",
    loadRatio: isStale ? null : row.loadRatio,
    jobCount: isStale ? null : hosted?.used ?? null,
    refusal: isRetired && !isStale ? "retired" : known?.refusal ?? null,
    offers: known?.offers ?? null,
    declines: known?.declines ?? null,
    connection: connectionOf(row, report, isStale),
    ...{ ageMs, isStale },
  };
}

/** The row is written when the state changes; the report knows more, when it is of the same state. */
function connectionOf(row: WorkerRow, report: WorkerReport | null, isStale: boolean): FleetConnection {
  const said = report?.connection.state === row.state ? report.connection : null;
  const { lastCloseCode: code, changedAt, lastError } = row;
  const ofCode = code === null ? null : { code, reason: null, at: null, ...explainClose(code, "") };
  const ofText = lastError === null ? null : { at: changedAt, explanation: lastError, remedy: null };
  return {
    state: isStale ? "unknown" : row.state as WorkerConnectionSnapshot["state"],
    workerId: row.livekitWorkerId,
    since: said ? new Date(said.since) : changedAt,
    attempts: said?.attempts ?? null,
    lastClose: said?.lastClose ? { ...said.lastClose, at: new Date(said.lastClose.at) } : ofCode,
    lastError: said?.lastError ? { ...said.lastError, at: new Date(said.lastError.at) } : ofText,
    ...{ serverInfo: null, settledAt: null, pingRttMs: null, framesDropped: null },
  };
}
