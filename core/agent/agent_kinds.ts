/** The few words that an agent's options, its hooks and its jobs share. */

/** What starts a job: a room, each participant, or each participant that publishes. */
export type JobType = "room" | "participant" | "publisher";
/** When an agent counts as ready: once connected, or when it says so. */
export type Readiness = "connected" | "explicit";
/** Where jobs run: in child processes, or in the control plane itself. */
export type Isolation = "process" | "inline";
export type Priority = "urgent" | "high" | "normal" | "low";
