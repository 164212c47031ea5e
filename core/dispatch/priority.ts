/**
 * Queue order: a dispatch ranks by its creation time minus its priority's head start, so that a low one that has waited
 * long enough passes a fresh urgent one (ageing is built in, nothing has to be recomputed).
 */
import type { Priority } from "../../db/schema/states.ts";
import type { JobType } from "../agent/agent_kinds.ts";

const HEAD_START_MS: Record<Priority, number> = { urgent: 600_000, high: 60_000, normal: 0, low: -60_000 };

export function rankAt(createdAt: Date, priority: Priority): Date {
  return new Date(createdAt.getTime() - HEAD_START_MS[priority]);
}

/** What a dispatch's priority follows from, strongest first; null: it says nothing. */
export interface PrioritySources {
  /** The request's own field. */
  requested: Priority | null;
  /** `priority` in the metadata. */
  inMetadata: Priority | null;
  /** The agent's own function. */
  fromAgent: Priority | null;
  jobType: JobType;
}

/** Whoever publishes is being heard already, so its agent comes sooner. */
export function priorityOf({ requested, inMetadata, fromAgent, jobType }: PrioritySources): Priority {
  return requested ?? inMetadata ?? fromAgent ?? (jobType === "publisher" ? "high" : "normal");
}
