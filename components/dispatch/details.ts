/** What the page of one dispatch shows, as plain data for the server's first answer and the browser's later ones. */
import type { DispatchView, Explanation } from "./types.ts";

export interface LogLineView {
  id: number;
  at: string;
  attempt: number;
  level: "debug" | "info" | "warn" | "error";
  message: string;
}

export interface HistoryEntry {
  at: string;
  subject: "dispatch" | "job";
  jobId: string | null;
  from: string | null;
  to: string;
  cause: string;
  actor: string;
}

export interface SpanView {
  spanId: string;
  parentSpanId: string | null;
  name: string;
  startedAt: string;
  durationMs: number;
  isError: boolean;
}

/** An agent that was lost in the room. */
export interface LossView {
  jobId: string | null;
  cause: string;
  wasHumanThere: boolean;
  lostAt: string;
  readyAt: string | null;
  givenUpAt: string | null;
  deadAirMs: number | null;
}

export interface DispatchDetails {
  dispatch: DispatchView;
  explanation: Explanation;
  /** Oldest first. */
  losses: LossView[];
  history: HistoryEntry[];
  logs: LogLineView[];
  /** True when older lines are not among them. */
  isLogCut: boolean;
  spans: SpanView[];
  /** By job id. */
  stacks: Record<string, string>;
  droppedLogLines: number;
  /** Host name by instance id. */
  instanceNames: Record<string, string>;
  now: string;
}

export function isOver({ stages }: DispatchView): boolean {
  return stages.endedAt !== null;
}
