/** What the page of one dispatch shows, as plain data for the server's first answer and the browser's later ones. */
import type { DispatchView } from "./types.ts";

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

export interface DispatchDetails {
  dispatch: DispatchView;
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
