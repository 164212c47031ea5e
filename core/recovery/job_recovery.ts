/**
 * What becomes of a dispatch when its job on this instance has ended:
 *
 *   succeeded | cancelled ──▶ final
 *   failed ──decideRecovery──▶ SKIP ──▶ final
 *                          ├─▶ TERMINATE ──▶ final, and the agent takes no new jobs on this instance
 *                          └─▶ RETRY, BACKOFF ──▶ the old participant removed, the loss noted ──▶ retry
 *
 * A dispatch of which LiveKit starts a job per participant goes on whatever becomes of one; its next job is another's work
 * (dispatch/participant_reruns.ts). The decision is never held up: LiveKit gets CLEAR_LIMIT_MS, and who is not removed by then is removed by the next attempt's
 * owner (`joined`).
 */
import type { NextStep } from "../../db/job_changes.ts";
import type { AgentStops } from "../capacity/agent_stops.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { JobEnd } from "../runtime/job_end.ts";
import type { JobPlan } from "../runtime/job_runner.ts";
import type { BreakerBoard } from "./breaker_board.ts";
import type { LossRecorder } from "./loss_recorder.ts";
import type { RecoveryAdvisor } from "./recovery_advisor.ts";
import { isHuman, lookIntoRoom, olderAttempts, type RoomCalls } from "./room_sight.ts";

export interface JobRecoveryOptions {
  advisor: Pick<RecoveryAdvisor, "decide">;
  losses: Pick<LossRecorder, "lost">;
  breakers: Pick<BreakerBoard, "ended">;
  stops: Pick<AgentStops, "stop">;
  api: RoomCalls;
  /** Name of the LiveKit server in rows. */
  server: string;
  logger: Logger;
}

/** A job of ours that has failed. */
interface Failed {
  end: Extract<JobEnd, { outcome: "failed" }>;
  /** Whether it was ever in its room. */
  hasJoined: boolean;
  at: Date;
}

const CLEAR_LIMIT_MS = 500;
const STATUS_FIRST_MS = 1_000;
const FINAL: NextStep = { kind: "final" };

export class JobRecovery {
  readonly #options: JobRecoveryOptions;
  /** Jobs of ours that are in their rooms. */
  readonly #joined = new Set<string>();

  constructor(options: JobRecoveryOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async decideNext(plan: JobPlan, end: JobEnd, at: Date): Promise<NextStep> {
    this.#options.breakers.ended(plan, end, at);
    const hasJoined = this.#joined.delete(plan.key.jobId);
    const isStanding = plan.isStanding === true;
    if (end.outcome !== "failed") return isStanding ? { kind: "none" } : FINAL;
    const { logger } = this.#options;
    try {
      if (isStanding) {
        await this.#clearRoom(plan, { end, hasJoined, at });
        return { kind: "none" };
      }
      return await this.#afterFailure(plan, { end, hasJoined, at });
    } catch (error) {
      logger.error("recovery could not be decided", { job: plan.key.jobId, dispatch: plan.key.dispatchId, error });
      return isStanding ? { kind: "none" } : FINAL;
    }
  }

  /** An attempt of ours is in its room: earlier ones that are still there are removed. Never rejects. */
  async joined(plan: JobPlan): Promise<void> {
    this.#joined.add(plan.key.jobId);
    if (plan.attempt === 1) return;
    const { api, logger } = this.#options;
    const { key, room, attempt, participantIdentity, triggeringParticipant: participant } = plan;
    const participants = await lookIntoRoom(api, room, CLEAR_LIMIT_MS) ?? [];
    for (const older of olderAttempts(participants, { ...key, participant, attempt, participantIdentity })) {
      logger.warn("an earlier attempt was still in the room: removed", {
        job: key.jobId,
        room,
        identity: older.identity,
      });
      await api.removeParticipant(room, older.identity).catch((error) =>
        logger.warn("could not remove an earlier attempt", { room, identity: older.identity, error })
      );
    }
  }

  async #afterFailure(plan: JobPlan, failed: Failed): Promise<NextStep> {
    const { end, at } = failed;
    const { failure } = end;
    const { advisor, logger } = this.#options;
    const { key: { jobId, dispatchId }, agent, room, attempt } = plan;
    const decided = await advisor.decide({ agent, dispatchId, jobId, room, attempt, failure }, at);
    const { action, reason } = decided;
    logger.info("recovery decided", { job: jobId, dispatch: dispatchId, action, reason, kind: failure.kind });
    if (action === "TERMINATE") {
      logger.warn("the agent asked for no more jobs here: it takes none until the instance is uncordoned", { agent });
      this.#options.stops.stop(agent, `${failure.kind}: ${failure.message}`, at);
    }
    if (action === "SKIP" || action === "TERMINATE") {
      if (isDead(end)) void this.#removeDead(plan);
      return FINAL;
    }
    await this.#clearRoom(plan, failed);
    return { kind: "retry", notBefore: decided.notBefore };
  }

  /** LiveKit would show it for 20 s more; but first it shall hear why the job failed, not that its agent has left. */
  async #removeDead(plan: JobPlan): Promise<void> {
    if (plan.livekit !== null) await new Promise((resolve) => setTimeout(resolve, STATUS_FIRST_MS));
    await this.#remove(plan);
  }

  /** Never rejects. */
  async #remove({ room, participantIdentity }: JobPlan): Promise<void> {
    const { api, logger } = this.#options;
    await api.removeParticipant(room, participantIdentity).catch((error) =>
      logger.warn("could not remove a lost agent from its room", { room, participantIdentity, error })
    );
  }

  /** Who was there is asked beside the removal, because both must be quick. */
  async #clearRoom(plan: JobPlan, { end, hasJoined, at }: Failed): Promise<void> {
    const { api, losses, server } = this.#options;
    const { key: { jobId, dispatchId }, agent, room } = plan;
    // An agent whose entry threw leaves by itself.
    const removing = end.endReason === "entry_threw" ? Promise.resolve() : this.#remove(plan);
    const looking = lookIntoRoom(api, room, CLEAR_LIMIT_MS);
    await settlesWithin(removing, CLEAR_LIMIT_MS);
    const there = await looking;
    const wasHumanThere = there?.some(isHuman) ?? false;
    // Nobody waited, and it had never joined: nothing was lost there.
    if (!wasHumanThere && !hasJoined) return;
    losses.lost({ dispatchId, jobId, agent, server, room, cause: end.failure.kind, wasHumanThere, lostAt: at });
  }
}

/** Its process is gone: nothing of it leaves the room by itself. */
function isDead({ endReason, failure }: Failed["end"]): boolean {
  return endReason === "process_gone" || failure.signal !== undefined || failure.exitCode !== undefined;
}
