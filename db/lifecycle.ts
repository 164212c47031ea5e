/**
 * The states of dispatches and jobs and every change between them that is allowed. The SQL guards are made from this
 * table (`sourcesOf`), so no statement can allow what is not in it.
 *
 *   dispatch:  queued ⇄ placed ⇄ running → succeeded | failed | cancelled;  queued | placed → expired
 *   job:       created → assigned → running → succeeded | failed | cancelled
 */
import { DISPATCH_STATES, type DispatchState, JOB_STATES, type JobState } from "./schema/states.ts";

export const DISPATCH_TRANSITIONS: Readonly<Record<DispatchState, readonly DispatchState[]>> = {
  queued: ["placed", "failed", "cancelled", "expired"],
  placed: ["queued", "running", "succeeded", "failed", "cancelled", "expired"],
  running: ["queued", "succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
  expired: [],
};

export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  created: ["assigned", "failed", "cancelled"],
  assigned: ["running", "succeeded", "failed", "cancelled"],
  running: ["succeeded", "failed", "cancelled"],
  succeeded: [],
  failed: [],
  cancelled: [],
};

export function dispatchSourcesOf(to: DispatchState): DispatchState[] {
  return DISPATCH_STATES.filter((from) => DISPATCH_TRANSITIONS[from].includes(to));
}

export function jobSourcesOf(to: JobState): JobState[] {
  return JOB_STATES.filter((from) => JOB_TRANSITIONS[from].includes(to));
}

export function isFinalDispatchState(state: DispatchState): boolean {
  return DISPATCH_TRANSITIONS[state].length === 0;
}
