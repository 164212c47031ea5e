/** What the Charts page shows; types only, nothing of core or db reaches the browser. */
import type { ChartRange } from "./range.ts";
import type { Steps } from "./series.ts";

export type Line = (number | null)[];

/** Of latencies, in milliseconds from the request. */
export interface StageLine {
  stage: "assigned" | "entered" | "connected" | "ready";
  p50: Line;
  p95: Line;
}

/** One value per step; null: not known. */
export interface ChartsData {
  range: ChartRange;
  /** Null: all. */
  agent: string | null;
  agents: string[];
  steps: Steps;
  /** The last step is not over. */
  isPartial: boolean;
  /** Jobs that ended in each step. */
  succeeded: Line;
  failed: Line;
  cancelled: Line;
  stages: StageLine[];
  calls: Line;
  /** Of all agents, as are CPU and memory. */
  capacity: Line;
  /** Share of the machines' cores, 0 to 1. */
  cpu: Line;
  memoryBytes: Line;
  waiting: Line;
  /** Milliseconds in which somebody heard nothing, by when the silence began. */
  deadAirMs: Line;
  losses: number;
}
