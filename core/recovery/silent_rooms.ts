/**
 * Finds rooms in which people hear nothing though a job is said to serve them: its agent is not among the participants.
 * One instance looks for the fleet (leadership), every LOOK_EVERY_MS while any job is in a room; a webhook can make it look
 * sooner. LiveKit's own view decides, so it also finds what no process noticed.
 *
 *   job connected ──agent not seen, people seen──▶ suspected ──still so SILENT_AFTER_MS later──▶ failed (connection_lost),
 *                                                    └─seen again, or nobody there─▶ not           decided like any failure
 *
 * rtc-node rejoins by itself for up to 31 s; an agent that comes back after it was replaced leaves by itself
 * (child/room_fence.ts). LiveKit that can't be asked ends every suspicion. What is seen of people is noted with the jobs.
 */
import type { Database } from "../../db/client.ts";
import { listServingJobs, noteHumansSeen, type ServingJob } from "../../db/silent_rooms.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { JobFailure } from "../runtime/job_end.ts";
import type { LossRecorder } from "./loss_recorder.ts";
import { endLostJob, nextStepOf } from "./lost_job.ts";
import type { RecoveryAdvisor } from "./recovery_advisor.ts";
import { isHuman, lookIntoRoom, type RoomCalls } from "./room_sight.ts";

export interface SilentRoomsOptions {
  database: Database;
  instanceId: string;
  /** Name of the LiveKit server in rows. */
  server: string;
  isLeader: () => boolean;
  isSpooling: () => boolean;
  advisor: Pick<RecoveryAdvisor, "decide">;
  losses: Pick<LossRecorder, "lost">;
  api: Pick<RoomCalls, "listParticipants">;
  onRetry: (notBefore: Date | null) => void;
  logger: Logger;
  now?: () => Date;
}

const LOOK_EVERY_MS = 4_000;
/** From the first look that does not see the agent to its replacement. */
export const SILENT_AFTER_MS = 8_000;
/** A job that has only just joined may not be listed yet. */
const SETTLED_AFTER_MS = 5_000;
const MAX_JOBS = 1_000;
/** Calls to LiveKit that run at once. */
const CALLS = 8;
const LOOK_LIMIT_MS = 2_000;

export class SilentRooms implements Service {
  readonly name = "silent-rooms";
  readonly #options: SilentRoomsOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();
  /** Since when each suspected job's agent is not seen. */
  readonly #suspected = new Map<string, Date>();

  constructor(options: SilentRoomsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Looks soon: LiveKit has told of somebody who came or left. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { isLeader, isSpooling, logger } = this.#options;
    const task = async () => {
      if (isLeader() && !isSpooling()) await this.look();
      else this.#suspected.clear();
    };
    const onError = (error: unknown) => {
      this.#suspected.clear();
      logger.warn("could not look for silent rooms; trying again", { error });
    };
    await runEvery({ everyMs: LOOK_EVERY_MS, alarm: this.#alarm, signal, task, onError });
  }

  /** One look at all rooms with jobs. Throws what the database throws. */
  async look(): Promise<void> {
    const { database, server } = this.#options;
    const jobs = await listServingJobs(database, { server, sinceMs: SETTLED_AFTER_MS, limit: MAX_JOBS });
    const known = new Set(jobs.map(({ jobId }) => jobId));
    for (const jobId of this.#suspected.keys()) if (!known.has(jobId)) this.#suspected.delete(jobId);
    const rooms = [...Map.groupBy(jobs, ({ room }) => room)];
    const peopled: string[] = [];
    const next = async () => {
      for (let room = rooms.pop(); room !== undefined; room = rooms.pop()) {
        peopled.push(...await this.#lookAt(...room));
      }
    };
    await Promise.all(Array.from({ length: CALLS }, next));
    await noteHumansSeen(database, peopled, this.#now());
  }

  /** Answers which of the room's jobs have people with them. */
  async #lookAt(room: string, jobs: readonly ServingJob[]): Promise<string[]> {
    const there = await lookIntoRoom(this.#options.api, room, LOOK_LIMIT_MS);
    const hasPeople = there?.some(isHuman) ?? false;
    for (const job of jobs) {
      const isSeen = there?.some(({ identity }) => identity === job.participantIdentity) ?? false;
      if (there === null || isSeen || !hasPeople) this.#suspected.delete(job.jobId);
      else await this.#suspect(job);
    }
    return hasPeople ? jobs.map(({ jobId }) => jobId) : [];
  }

  async #suspect(job: ServingJob): Promise<void> {
    const now = this.#now();
    const since = this.#suspected.get(job.jobId) ?? now;
    this.#suspected.set(job.jobId, since);
    if (now.getTime() - since.getTime() < SILENT_AFTER_MS) return;
    this.#suspected.delete(job.jobId);
    await this.#replace(job, since, now);
  }

  async #replace(job: ServingJob, since: Date, now: Date): Promise<void> {
    const { database, instanceId, advisor, losses, onRetry, logger } = this.#options;
    const { jobId, dispatchId, agent, server, room, attempt } = job;
    const decided = await advisor.decide({ agent, dispatchId, jobId, room, attempt, failure: SILENT }, now);
    const next = nextStepOf(decided, job.isStanding);
    const end = { failure: SILENT, failureClass: "network", endReason: "silent_room", next, at: now } as const;
    if (!await endLostJob(database, instanceId, job, { ...end, humanSeenAt: now })) return;
    logger.warn("a room was silent: its agent is not there", {
      job: jobId,
      dispatch: dispatchId,
      room,
      next: next.kind,
    });
    if (next.kind !== "retry") return;
    losses.lost({
      ...{ dispatchId, jobId, agent, server, room },
      cause: "silent_room",
      wasHumanThere: true,
      lostAt: since,
    });
    onRetry(next.notBefore);
  }
}

const SILENT: JobFailure = {
  kind: "connection_lost",
  message: "LiveKit did not show the agent in its room any more, though people were there.",
};
