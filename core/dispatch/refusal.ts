import type { ScheduleProblem } from "./schedule.ts";

/** required: of direct placement · unused: by a room agent · chosen_by_livekit: which starts a job for each of them. */
export type ParticipantProblem = "required" | "unused" | "chosen_by_livekit";

/** Why a request was not taken, as data; routes turn it into problem details. */
export type DispatchRefusal =
  | { code: "unknown_agent"; agent: string; nearest: string[] }
  | { code: "invalid_metadata"; errors: { path: string; message: string }[] }
  | { code: "metadata_too_large"; bytes: number; maxBytes: number }
  | { code: "metadata_unchecked"; message: string }
  | { code: "invalid_participant"; agent: string; jobType: string; problem: ParticipantProblem }
  | { code: "invalid_schedule"; problem: ScheduleProblem }
  | { code: "rate_limited"; scope: string; retryAfterSeconds: number }
  | { code: "idempotency_key_reused"; dispatchId: string }
  /** Of a request that wants its agent in the room once. */
  | { code: "agent_in_room"; agent: string; dispatchId: string }
  | { code: "rule_done"; ruleId: string }
  | { code: "queue_full"; agent: string; capacity: number; retryAfterSeconds: number }
  | { code: "too_many_waiters"; maxWaiters: number; retryAfterSeconds: number }
  | { code: "not_found"; dispatchId: string }
  | { code: "not_ended"; dispatchId: string }
  | { code: "owned_elsewhere"; dispatchId: string }
  /** Another instance runs it, and could not be asked, did not answer, or could not do it. */
  | { code: "owner_failed"; dispatchId: string; instanceId: string; message: string };
