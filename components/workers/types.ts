/** What the Workers page shows: each instance with its workers. */
import type { OverviewData, OverviewHistory } from "../overview/types.ts";

export interface WorkerView {
  id: string;
  instanceId: string;
  agent: string;
  jobType: string;
  /** "connecting", "registered", "reconnecting", "stopped"; "unknown" of an instance that is silent. */
  state: string;
  since: string;
  /** Null: its instance has not told yet. */
  attempts: number | null;
  /** 0 to 1, as it was last told; null: not yet. */
  loadRatio: number | null;
  /** Why it takes no job now ("instance_full", "cordoned", "instance_memory", …); null when it does, or that is not known. */
  refusal: string | null;
  /** Why it declined LiveKit's offers in the last ten minutes, the most frequent first. */
  declines: { reason: string; count: number }[];
  /** What went wrong last, while it is not registered or when it lost its socket lately. */
  trouble: { title: string; text: string; isNow: boolean } | null;
}

/** An instance that takes no jobs. */
export interface ClosedInstance {
  cordonedAt: string;
  /** Who asked for it; null: only the instance knows. */
  by: string | null;
  /** When a drain ends what still runs; null when it is only cordoned. */
  deadlineAt: string | null;
  /** What still runs, the longest first. */
  calls: ClosedCall[];
}

export interface ClosedCall {
  jobId: string;
  dispatchId: string;
  agent: string;
  room: string;
  since: string;
  /** Median length of its agent's last calls that ended well; null: there is none to go by. */
  usualMs: number | null;
}

export interface WorkersData extends OverviewData {
  history: OverviewHistory & {
    /** Load (0..1) of each instance's workers in the last hour, by agent. */
    loadOfWorker: Record<string, Record<string, (number | null)[]>>;
  };
  workers: WorkerView[];
  /** By instance. */
  closed: Record<string, ClosedInstance>;
  /** What a drain is given when nobody says otherwise. */
  drainTimeoutMs: number;
}
