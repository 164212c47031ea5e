/** What the Workers page shows: each instance with its workers. */
import type { OverviewData } from "../overview/types.ts";

export interface WorkerView {
  id: string;
  instanceId: string;
  agent: string;
  jobType: string;
  /** "connecting", "registered", "reconnecting", "stopped". */
  state: string;
  since: string;
  /** Null: only the instance itself knows. */
  attempts: number | null;
  /** 0 to 1, as it was last told; null: not yet. */
  loadRatio: number | null;
  /** Why it takes no job now ("instance_full", "cordoned", "instance_memory", …); null when it does, or only its instance knows. */
  refusal: string | null;
  /** What went wrong last, while it is not registered or when it lost its socket lately. */
  trouble: { title: string; text: string; isNow: boolean } | null;
}

export interface WorkersData extends OverviewData {
  workers: WorkerView[];
}
