/** What the Overview shows; types only, nothing of core reaches the browser. */
import type { Overview } from "../../core/services/overview.ts";
import type { Steps } from "../charts/series.ts";

export type { Overview };
export type OverviewInstance = Overview["instances"][number];

/** Lines of the last hour, one value per step, oldest first; the last step is not over. */
export interface OverviewHistory {
  steps: Steps;
  calls: (number | null)[];
  capacity: (number | null)[];
  waiting: (number | null)[];
  succeeded: (number | null)[];
  readyP50: (number | null)[];
  readyP95: (number | null)[];
  /** Calls by agent. */
  callsOfAgent: Record<string, (number | null)[]>;
  /** Load (0..1) by instance. */
  loadOfInstance: Record<string, (number | null)[]>;
}

export interface OverviewData {
  overview: Overview;
  history: OverviewHistory;
}
