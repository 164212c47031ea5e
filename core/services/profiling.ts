/** Profiles of this process and of the jobs that run on it, one at a time, because each slows what it looks at. */
import { type JobProfile, type ProfileFailure, profileJob } from "../runtime/job_profile.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import { type ProfileRequest, takeProfile } from "../telemetry/profile.ts";

/** Why there is none; for the REST answer, and between instances. */
export const PROFILE_FAILURES = [
  "profile_busy",
  "job_not_running",
  "heap_too_large",
  "profile_too_large",
  "profile_timeout",
  "profile_failed",
] as const satisfies readonly (ProfileFailure | "profile_busy")[];

export type Profile = JobProfile | { ok: false; code: typeof PROFILE_FAILURES[number]; message: string };

export class Profiling {
  readonly #runner: Pick<JobRunner, "find">;
  #isBusy = false;

  constructor(runner: Pick<JobRunner, "find">) {
    this.#runner = runner;
  }

  /** A job of this instance; in a process that holds several jobs it shows all of them. */
  ofJob(jobId: string, request: ProfileRequest): Promise<Profile> {
    const job = this.#runner.find(jobId);
    if (!job) return Promise.resolve({ ok: false, code: "job_not_running", message: "The job does not run here now." });
    return this.#alone(() => profileJob(job, request));
  }

  ofInstance(request: ProfileRequest): Promise<Profile> {
    return this.#alone(() => takeProfile(request));
  }

  async #alone(take: () => Promise<Profile>): Promise<Profile> {
    if (this.#isBusy) return { ok: false, code: "profile_busy", message: "Another profile is being taken here." };
    this.#isBusy = true;
    try {
      return await take();
    } finally {
      this.#isBusy = false;
    }
  }
}
