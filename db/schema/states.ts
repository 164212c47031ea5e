/** Enums of the lifecycle; the same words in SQL, REST, pages and search. */
import { pgEnum } from "drizzle-orm/pg-core";

export const DISPATCH_STATES = ["queued", "placed", "running", "succeeded", "failed", "cancelled", "expired"] as const;
export type DispatchState = typeof DISPATCH_STATES[number];
export const dispatchState = pgEnum("dispatch_state", DISPATCH_STATES);

export const JOB_STATES = ["created", "assigned", "running", "succeeded", "failed", "cancelled"] as const;
export type JobState = typeof JOB_STATES[number];
export const jobState = pgEnum("job_state", JOB_STATES);

export const PRIORITIES = ["urgent", "high", "normal", "low"] as const;
export type Priority = typeof PRIORITIES[number];
export const dispatchPriority = pgEnum("dispatch_priority", PRIORITIES);

export const PLACEMENTS = ["direct", "livekit"] as const;
export type Placement = typeof PLACEMENTS[number];
export const dispatchPlacement = pgEnum("dispatch_placement", PLACEMENTS);

export const ORIGINS = ["rest", "dashboard", "livekit", "rule", "retry"] as const;
export type Origin = typeof ORIGINS[number];
export const dispatchOrigin = pgEnum("dispatch_origin", ORIGINS);

export const ISOLATIONS = ["process", "inline"] as const;
export const jobIsolation = pgEnum("job_isolation", ISOLATIONS);

export const INSTANCE_STATES = ["starting", "running", "draining", "stopped", "lost"] as const;
export type InstanceState = typeof INSTANCE_STATES[number];
export const instanceState = pgEnum("instance_state", INSTANCE_STATES);

export const TRANSITION_SUBJECTS = ["dispatch", "job"] as const;
export const transitionSubject = pgEnum("transition_subject", TRANSITION_SUBJECTS);

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export const logLevel = pgEnum("log_level", LOG_LEVELS);

export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = typeof ROLES[number];
export const role = pgEnum("role", ROLES);

/** What a request does when its agent is in the room already. */
export const ONE_AGENT_PER_ROOM = ["refuse", "reuse"] as const;
export type OneAgentPerRoom = typeof ONE_AGENT_PER_ROOM[number];
