/**
 * Takes care of the jobs of instances that are gone. Each instance looks (every LOOK_EVERY_MS, at once when one is found
 * dead) and claims what nobody watches; the claim lives in the database and is renewed with each look.
 *
 *   orphan ──claimed──▶ watched ──judgeRoom──▶ serves | unknown | probe ──▶ watched on
 *                                          ├─▶ dead (removed from the room) | gone ──▶ failed as instance_lost; decided like
 *                                          │                                          any failure: retried, or not
 *                                          └─▶ over ──▶ failed, its dispatch with it: nobody is there any more
 *                  └─ its cancel was asked for ──▶ its agent is removed from the room, and it ends as cancelled
 *
 * The room is the fence: what is seen in it decides (room_verdict.ts), and LiveKit that can't be asked decides nothing.
 * The end is written under the owner's lease token, so an owner that comes back and ended the job itself is not overruled,
 * and one that comes late is refused. An instance that is opened again takes its jobs back by that alone: they are no
 * orphans then. While changes of ours wait in the spool nothing is rescued: the end of a job may be among them.
 */
import type { ParticipantInfo } from "@livekit/protocol";
import type { Database } from "../../db/client.ts";
import type { NextStep } from "../../db/job_changes.ts";
import { claimOrphans, type Orphan } from "../../db/orphans.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import type { JobFailure } from "../runtime/job_end.ts";
import type { LossRecorder } from "./loss_recorder.ts";
import { endLostJob, nextStepOf } from "./lost_job.ts";
import type { RecoveryAdvisor } from "./recovery_advisor.ts";
import { isHuman, lookIntoRoom, type RoomCalls } from "./room_sight.ts";
import { judgeRoom } from "./room_verdict.ts";
import { RoomProbes } from "./room_probes.ts";

export interface OrphanRescuerOptions {
  database: Database;
  instanceId: string;
  /** Owner of the data directory before us: its process is known to be gone. Null when there was none. */
  previousInstanceId: string | null;
  advisor: Pick<RecoveryAdvisor, "decide">;
  losses: Pick<LossRecorder, "lost">;
  api: RoomCalls;
  /** How long LiveKit has been reachable without a break, in milliseconds. */
  reachableForMs: () => number;
  /** Whether our own changes wait for the database. */
  isSpooling: () => boolean;
  /** A dispatch waits for its next attempt. */
  onRetry: (notBefore: Date | null) => void;
  logger: Logger;
  now?: () => Date;
}

const LOOK_EVERY_MS = 1_000;
/** While something is watched. */
const WATCH_EVERY_MS = 250;
const CLAIM_FOR_MS = 5_000;
/** Orphans watched at a time; the others wait, oldest first. */
const MAX_WATCHED = 200;
const LOOK_LIMIT_MS = 2_000;

export class OrphanRescuer implements Service {
  readonly name = "orphan-rescuer";
  readonly #options: OrphanRescuerOptions;
  readonly #now: () => Date;
  readonly #alarm = new Alarm();
  readonly #probes: RoomProbes;
  /** Dead instances whose session lock was seen free: their process is gone. */
  readonly #lockFree = new Set<string>();
  #watched: Orphan[] = [];

  constructor(options: OrphanRescuerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#probes = new RoomProbes(options.api, options.logger);
  }

  /** Orphans that this instance watches. */
  get watched(): readonly Orphan[] {
    return this.#watched;
  }

  /** An instance was found dead. */
  instanceDied(instanceId: string, isLockFree: boolean): void {
    if (isLockFree) this.#lockFree.add(instanceId);
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        this.#options.logger.warn("could not look for orphaned jobs; trying again", { error });
      }
      await this.#alarm.wait(this.#watched.length > 0 ? WATCH_EVERY_MS : LOOK_EVERY_MS, signal);
    }
  }

  /** One look at all that we watch. Throws what the database throws. */
  async look(): Promise<void> {
    if (this.#options.isSpooling()) return;
    const { database, instanceId: rescuerId, logger } = this.#options;
    this.#watched = await claimOrphans(database, { rescuerId, forMs: CLAIM_FOR_MS, limit: MAX_WATCHED });
    this.#probes.keepOnly(new Set(this.#watched.map(({ jobId }) => jobId)));
    await Promise.all(
      this.#watched.map((orphan) =>
        this.#attend(orphan).catch((error) => logger.warn("could not rescue a job", { job: orphan.jobId, error }))
      ),
    );
  }

  async #attend(orphan: Orphan): Promise<void> {
    const { api, reachableForMs, previousInstanceId } = this.#options;
    const there = await lookIntoRoom(api, orphan.room, LOOK_LIMIT_MS);
    if (orphan.isCancelRequested && there !== null) return await this.#cancel(orphan, there);
    const isOwnerGone = orphan.instanceId === previousInstanceId;
    const judged = judgeRoom({
      participants: there?.map((each) => ({ identity: each.identity, isAgent: !isHuman(each) })) ?? null,
      reachableForMs: reachableForMs(),
      hadHumans: orphan.hadHumans,
      identity: orphan.participantIdentity,
      probe: there === null ? null : this.#probes.seen(orphan, there),
      isOwnerLockFree: isOwnerGone || this.#lockFree.has(orphan.instanceId),
    });
    switch (judged.verdict) {
      case "probe":
        return isOwnerGone ? await this.#replace(orphan, there) : await this.#probes.send(orphan);
      case "dead":
      case "gone":
        return await this.#replace(orphan, there);
      case "over":
        return void await this.#end(orphan, ROOM_OVER, "room_closed", { kind: "final" });
      case "serves":
      case "unknown":
        return;
    }
  }

  /** Somebody has asked for its end, so its agent goes, whether it serves or not: an owner that lives sees it removed. */
  async #cancel(orphan: Orphan, there: ParticipantInfo[]): Promise<void> {
    const { jobId, dispatchId, room, isStanding } = orphan;
    await this.#remove(orphan, there);
    const next: NextStep = isStanding ? { kind: "none" } : { kind: "final" };
    if (!await this.#end(orphan, LOST, "cancelled", next, "cancelled")) return;
    this.#options.logger.info("a job of a dead instance was cancelled, as asked", {
      ...{ job: jobId, dispatch: dispatchId, room },
    });
  }

  async #remove({ room, participantIdentity }: Orphan, there: ParticipantInfo[] | null): Promise<void> {
    if (!there?.some(({ identity }) => identity === participantIdentity)) return;
    await this.#options.api.removeParticipant(room, participantIdentity);
  }

  /** The old agent out of the room, then the next attempt, if there may be one. */
  async #replace(orphan: Orphan, there: ParticipantInfo[] | null): Promise<void> {
    const { advisor, losses, onRetry, logger } = this.#options;
    const { jobId, dispatchId, agent, server, room, attempt, lastSeenAt } = orphan;
    await this.#remove(orphan, there);
    const decided = await advisor.decide({ agent, dispatchId, jobId, room, attempt, failure: LOST }, this.#now());
    const next = nextStepOf(decided, orphan.isStanding);
    if (!await this.#end(orphan, LOST, "instance_lost", next)) return;
    logger.warn("a job of a dead instance was rescued", {
      ...{ job: jobId, dispatch: dispatchId, room, next: next.kind, reason: decided.reason },
    });
    if (next.kind !== "retry") return;
    const wasHumanThere = there?.some(isHuman) ?? false;
    if (orphan.wasConnected) {
      losses.lost({ dispatchId, jobId, agent, server, room, cause: LOST.kind, wasHumanThere, lostAt: lastSeenAt });
    }
    onRetry(next.notBefore);
  }

  #end(
    orphan: Orphan,
    failure: JobFailure,
    endReason: string,
    next: NextStep,
    state: "failed" | "cancelled" = "failed",
  ): Promise<boolean> {
    const { database, instanceId } = this.#options;
    const columns = { state, failure, failureClass: "retryable", endReason, next, humanSeenAt: null } as const;
    return endLostJob(database, instanceId, orphan, { ...columns, at: this.#now() });
  }
}

const LOST: JobFailure = { kind: "instance_lost", message: "The Greenroom process that ran this job died." };
const ROOM_OVER: JobFailure = {
  kind: "instance_lost",
  message:
    "The Greenroom process that ran this job died, and everybody left the room before another could take its place.",
};
