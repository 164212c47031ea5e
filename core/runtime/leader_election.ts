/**
 * One job leads, per room and name: the first that stands, then, when it resigns or ends, the one that has stood longest.
 *
 *   candidate ─elected─▶ leader ─resign, end─▶ (gone)
 *
 * `LeaderElection` is what the requests need; this one keeps it in memory, so it is true among the jobs of one instance.
 * `term` counts up with every new leader of a name while anybody stands for it.
 */
import { z } from "zod";
import { method, type RequestingJob, type RequestMethod, RequestRefusal } from "./job_requests.ts";

export interface LeaderElection {
  /** Stands for election. The term when the job leads at once or leads already; null: it waits and will be told. */
  campaign(job: RequestingJob, name: string): Promise<number | null> | number | null;
  resign(job: RequestingJob, name: string): Promise<void> | void;
  /** The job has ended: whatever it led is led by the next one. */
  ended(jobId: string): void;
}

interface Seat {
  name: string;
  term: number;
  /** The leader first. */
  candidates: RequestingJob[];
}

const MAX_NAMES_PER_JOB = 20;
const MAX_NAME_CHARS = 128;

export class InstanceElection implements LeaderElection {
  readonly #seats = new Map<string, Seat>();

  campaign(job: RequestingJob, name: string): number | null {
    const key = keyOf(job, name);
    const seat = this.#seats.get(key) ?? { name, term: 0, candidates: [] };
    const place = seat.candidates.findIndex(({ jobId }) => jobId === job.jobId);
    if (place === 0) return seat.term;
    if (place > 0) return null;
    const standsFor = [...this.#seats.values()].filter((each) => each.candidates.some(isJob(job.jobId))).length;
    if (standsFor >= MAX_NAMES_PER_JOB) {
      throw new RequestRefusal("too_many_requests", `This job stands for election ${MAX_NAMES_PER_JOB} times already`);
    }
    this.#seats.set(key, seat);
    seat.candidates.push(job);
    return seat.candidates.length === 1 ? ++seat.term : null;
  }

  resign(job: RequestingJob, name: string): void {
    this.#remove(keyOf(job, name), job.jobId);
  }

  ended(jobId: string): void {
    for (const key of [...this.#seats.keys()]) this.#remove(key, jobId);
  }

  #remove(key: string, jobId: string): void {
    const seat = this.#seats.get(key);
    if (!seat) return;
    const wasLeader = seat.candidates[0]?.jobId === jobId;
    seat.candidates = seat.candidates.filter((each) => each.jobId !== jobId);
    const [next] = seat.candidates;
    if (next === undefined) this.#seats.delete(key);
    else if (wasLeader) next.send({ type: "elected", jobId: next.jobId, name: seat.name, term: ++seat.term });
  }
}

export function leaderRequests(election: LeaderElection): Record<string, RequestMethod> {
  const params = z.object({ name: z.string().min(1).max(MAX_NAME_CHARS) });
  return {
    "leader.campaign": method(params, async (job, { name }) => ({ term: await election.campaign(job, name) })),
    "leader.resign": method(params, (job, { name }) => election.resign(job, name)),
  };
}

function keyOf({ room }: RequestingJob, name: string): string {
  return `${room}\n${name}`;
}

function isJob(id: string) {
  return ({ jobId }: RequestingJob) => jobId === id;
}
