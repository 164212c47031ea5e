/**
 * Which worker would be given a dispatch by LiveKit's server, and when none would, which comes nearest and by what it
 * differs. Pure. The server's key is name, namespace, job type and deployment, compared exactly (livekit.md 3); a mismatch
 * is dropped by it without a word (livekit.md 5.5), so we say it.
 */
import type { AgentDescriptor } from "../agent/descriptor.ts";
import { nearestNames } from "../runtime/nearest_names.ts";

export interface WorkerKey {
  /** As LiveKit knows it: "" for automatic dispatch. */
  agentName: string;
  namespace: string;
  deployment: string;
  jobType: string;
}

export interface RegisteredWorker extends WorkerKey {
  agent: string;
  /** Can be given a job now: registered, with a slot free. */
  isTaking: boolean;
  /** Why not. */
  refusal: string | null;
}

/** What a dispatch asks for. No namespace: any will do, as for the server; no job type: any will start sooner or later. */
export interface WantedWorker {
  agentName: string;
  deployment: string;
  namespace?: string;
  jobType?: string;
}

export type KeyField = "agentName" | "namespace" | "deployment" | "jobType";

export type WorkerMatch =
  | { kind: "taking"; worker: RegisteredWorker }
  /** They fit, and none can take a job now. */
  | { kind: "busy"; workers: RegisteredWorker[] }
  | { kind: "mismatch"; nearest: RegisteredWorker; differsBy: KeyField[] }
  | { kind: "none" };

const FIELDS: readonly KeyField[] = ["agentName", "namespace", "deployment", "jobType"];
const WORDS: Record<KeyField, string> = {
  agentName: "name",
  namespace: "namespace",
  deployment: "deployment",
  jobType: "job type",
};
/** Names that differ are farther away than any number of labels. */
const NAME_DISTANCE = FIELDS.length;

/** How a worker of this agent is known to LiveKit. */
export function workerKeyOf({ name, dispatch, namespace, deployment, jobType }: AgentDescriptor): WorkerKey {
  return { agentName: dispatch === "automatic" ? "" : name, namespace, deployment, jobType };
}

export function matchWorker(wanted: WantedWorker, workers: readonly RegisteredWorker[]): WorkerMatch {
  const compared = workers.map((worker) => ({
    worker,
    differsBy: FIELDS.filter((field) => differs(field, wanted, worker)),
  }));
  const fitting = compared.filter(({ differsBy }) => differsBy.length === 0).map(({ worker }) => worker);
  const taking = fitting.find(({ isTaking }) => isTaking);
  if (taking) return { kind: "taking", worker: taking };
  if (fitting.length > 0) return { kind: "busy", workers: fitting };
  const names = nearestNames(wanted.agentName, [...new Set(workers.map(({ agentName }) => agentName))], workers.length);
  const distance = ({ worker, differsBy }: typeof compared[number]) =>
    differsBy.includes("agentName")
      ? NAME_DISTANCE * (1 + names.indexOf(worker.agentName)) + differsBy.length
      : differsBy.length;
  const [nearest] = compared
    .filter(({ worker, differsBy }) => !differsBy.includes("agentName") || names.includes(worker.agentName))
    .sort((a, b) => distance(a) - distance(b));
  return nearest ? { kind: "mismatch", nearest: nearest.worker, differsBy: nearest.differsBy } : { kind: "none" };
}

/** The match as a sentence for whoever waits. Null when a worker would take it. */
export function explainMatch(wanted: WantedWorker, match: WorkerMatch): string | null {
  switch (match.kind) {
    case "taking":
      return null;
    case "busy": {
      const reasons = [...new Set(match.workers.map(({ refusal }) => refusal ?? "not registered"))];
      return `No worker for ${described(wanted)} can take a job now: ${reasons.join(", ")}.`;
    }
    case "mismatch": {
      const { nearest, differsBy } = match;
      const differences = differsBy.map((field) =>
        `${WORDS[field]} ${shown(nearest[field])} instead of ${shown(wanted[field])}`
      );
      return `No worker is registered for ${described(wanted)}. The nearest is agent "${nearest.agent}": ${
        differences.join(", ")
      }.`;
    }
    case "none":
      return `No worker is registered for ${described(wanted)}, nor for anything like it.`;
  }
}

function differs(field: KeyField, wanted: WantedWorker, worker: RegisteredWorker): boolean {
  const value = wanted[field];
  return value !== undefined && value !== worker[field];
}

function described(wanted: WantedWorker): string {
  const labels = FIELDS.filter((field) => field !== "agentName" && wanted[field] !== undefined && wanted[field] !== "")
    .map((field) => `${WORDS[field]} ${shown(wanted[field])}`);
  return [wanted.agentName === "" ? "automatic dispatch" : `agent "${wanted.agentName}"`, ...labels].join(", ");
}

function shown(value: string | undefined): string {
  return value === undefined || value === "" ? "(none)" : `"${value}"`;
}
