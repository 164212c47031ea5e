/**
 * Hooks: an agent's own functions that the control plane asks while it decides something. They run in the agent's host
 * process, never in the control plane, and each question has a hard time limit (200 ms unless said otherwise): a hook that
 * gives no answer in time, throws or answers nonsense is treated as if it were not there, and `accept` as "no".
 */
import type { JobType, Priority } from "./agent_kinds.ts";

/** What LiveKit offers, as `accept` sees it. */
export interface AcceptRequest {
  /** LiveKit's id of the job (AJ_…). */
  readonly livekitJobId: string;
  readonly jobType: JobType;
  readonly room: string;
  /** The participant that triggered the job; null for room jobs. */
  readonly participantIdentity: string | null;
  /** The dispatch's metadata as the caller gave it; not yet checked by the agent's schema. */
  readonly metadata: string;
  /** LiveKit's attributes of the dispatch. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** A new dispatch, as `priority` sees it. */
export interface PriorityRequest {
  readonly room: string;
  readonly participantIdentity: string | null;
  /** As it will be in ctx.metadata. */
  readonly metadata: unknown;
}

/** How busy this instance is, as `load` sees it; null: not known here. */
export interface LoadSample {
  /** Jobs of this agent that run or are reserved. */
  readonly jobs: number;
  /** Most jobs of this agent here; null without a limit. */
  readonly maxJobs: number | null;
  /** 0 to 1. */
  readonly cpuRatio: number | null;
  /** 0 to 1. */
  readonly memoryRatio: number | null;
}

/** A job that failed, as `recovery.decide` sees it. */
export interface RecoveryFailure {
  /** "exception", "signal", "out_of_memory", "unresponsive", "instance_lost", … (see README, States). */
  readonly kind: string;
  /** "retryable", "fatal", "validation", "network" or "unknown". */
  readonly class: string;
  readonly message: string;
  readonly room: string;
  /** Attempts in a row that failed, this one included; one that was ready for a minute before it failed begins a new row. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Since the first of them. */
  readonly ageMs: number;
}

/** RETRY: now · BACKOFF: after the policy's wait · SKIP: not again · TERMINATE: not again, and drain this agent here. */
export type RecoveryAction = "RETRY" | "BACKOFF" | "SKIP" | "TERMINATE";

/** How a recovery went, as `recovery.onRecovered` and `onRecoveryFailed` see it. */
export interface RecoveryResult {
  readonly dispatchId: string;
  readonly room: string;
  /** The last attempt. */
  readonly attempt: number;
  /** Why there was one, or why there is no other. */
  readonly reason: string;
  /** From the loss of the old agent to the new one's ready; null when it is not known or there was none. */
  readonly deadAirMs: number | null;
}

/** The job that is about to join its room, as `participant` (as a function) sees it. */
export interface ParticipantRequest {
  readonly jobId: string;
  readonly dispatchId: string;
  readonly attempt: number;
  readonly room: string;
  readonly participantIdentity: string | null;
  readonly metadata: unknown;
}

/** How the agent's participant presents itself. */
export interface AgentParticipant {
  name?: string;
  metadata?: string;
  attributes?: Record<string, string>;
}

export const HOOK_NAMES = [
  "accept",
  "priority",
  "load",
  "decide",
  "participant",
  "onRecoveryAttempt",
  "onRecovered",
  "onRecoveryFailed",
] as const;
export type HookName = typeof HOOK_NAMES[number];

/** What each hook is asked with. */
export interface HookInputs {
  accept: AcceptRequest;
  priority: PriorityRequest;
  load: LoadSample;
  decide: RecoveryFailure;
  participant: ParticipantRequest;
  onRecoveryAttempt: RecoveryFailure;
  onRecovered: RecoveryResult;
  onRecoveryFailed: RecoveryResult;
}

/** What each hook answers. */
export interface HookResults {
  accept: boolean;
  priority: Priority;
  /** 0 to 1. */
  load: number;
  decide: RecoveryAction;
  participant: AgentParticipant;
  /** Whether the next attempt may begin. */
  onRecoveryAttempt: boolean;
  onRecovered: null;
  onRecoveryFailed: null;
}
