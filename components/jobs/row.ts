/** A row of the jobs list: one dispatch with its last attempt. */
import type { DispatchView, Stages } from "../dispatch/types.ts";

export interface JobRow {
  id: string;
  state: string;
  agent: string;
  room: string;
  priority: string;
  origin: string;
  attempts: number;
  stages: Stages;
  /** When its last attempt was entered; what "lasted" counts from. */
  enteredAt: string | null;
  /** Words for the end, or for what it waits for. */
  outcome: string | null;
  isFailure: boolean;
  instanceId: string | null;
}

export function rowOf(dispatch: Omit<DispatchView, "metadata">): JobRow {
  const { id, state, agent, room, priority, origin, jobs, stages, failure, waitingReason } = dispatch;
  const last = jobs.at(-1);
  const outcome = failure?.message ?? last?.endReason ?? waitingReason;
  return {
    id,
    state,
    agent,
    room,
    priority,
    origin,
    attempts: jobs.length,
    stages,
    enteredAt: last?.stages.enteredAt ?? null,
    outcome: failure ? outcome ?? null : outcome?.replaceAll("_", " ") ?? null,
    isFailure: failure !== null,
    instanceId: last?.instanceId ?? null,
  };
}

export const isEnded = ({ stages }: Pick<JobRow, "stages">): boolean => stages.endedAt !== null;
