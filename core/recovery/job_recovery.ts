/**
 * What becomes of a dispatch when its job on this instance has ended:
 *
 *   succeeded | cancelled ──▶ final
 *   failed ──decideRecovery──▶ SKIP, TERMINATE ──▶ final
 *                          └─▶ RETRY, BACKOFF ──▶ the old participant removed, the loss noted ──▶ retry
 *
 * A dispatch of which LiveKit starts a job per participant goes on whatever becomes of one (standing_dispatches.ts). The
 * decision is never held up: LiveKit gets CLEAR_LIMIT_MS, and who is not removed by then is removed by the next attempt's
 * owner (`joined`).
 */
import type { NextStep } from "../../db/job_changes.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import { uuidTime } from "../lifecycle/uuid.ts";
import type { JobEnd, JobFailure } from "../runtime/job_end.ts";
import type { JobPlan } from "../runtime/job_runner.ts";
import type { BreakerBoard } from "./breaker_board.ts";
import type { LossRecorder } from "./loss_recorder.ts";
import type { RecoveryAdvisor } from "./recovery_advisor.ts";
import { isHuman, lookIntoRoom, olderAttempts, type RoomCalls } from "./room_sight.ts";

export interface JobRecoveryOptions {
  advisor: Pick<RecoveryAdvisor, "decide">;
  losses: Pick<LossRecorder, "lost">;
  breakers: Pick<BreakerBoard, "ended">;
  api: RoomCalls;
  /** Name of the LiveKit server in rows. */
  server: string;
  logger: Logger;
}

const CLEAR_LIMIT_MS = 500;
const FINAL: NextStep = { kind: "final" };

export class JobRecovery {
  readonly #options: JobRecoveryOptions;

  constructor(options: JobRecoveryOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async decideNext(plan: JobPlan, end: JobEnd, at: Date): Promise<NextStep> {
    this.#options.breakers.ended(plan, end, at);
    if (isStanding(plan)) return { kind: "none" };
    if (end.outcome !== "failed") return FINAL;
    const { logger } = this.#options;
    try {
      return await this.#afterFailure(plan, end.failure, end.endReason === "entry_threw", at);
    } catch (error) {
      logger.error("recovery could not be decided", { job: plan.key.jobId, dispatch: plan.key.dispatchId, error });
      return FINAL;
    }
  }

  /** An attempt of ours is in its room: earlier ones that are still there are removed. Never rejects. */
  async joined(plan: JobPlan): Promise<void> {
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

  async #afterFailure(plan: JobPlan, failure: JobFailure, leavesByItself: boolean, at: Date): Promise<NextStep> {
    const { advisor, logger } = this.#options;
    const { key: { jobId, dispatchId }, agent, room, attempt } = plan;
    const requestedAt = uuidTime(dispatchId);
    const decided = await advisor.decide({ agent, dispatchId, room, attempt, requestedAt, failure }, at);
    const { action, reason } = decided;
    logger.info("recovery decided", { job: jobId, dispatch: dispatchId, action, reason, kind: failure.kind });
    if (action === "SKIP" || action === "TERMINATE") return FINAL;
    await this.#clearRoom(plan, failure, leavesByItself, at);
    return { kind: "retry", notBefore: decided.notBefore };
  }

  /** Who was there is asked beside the removal, because both must be quick. */
  async #clearRoom(plan: JobPlan, { kind }: JobFailure, leavesByItself: boolean, at: Date): Promise<void> {
    const { api, losses, server, logger } = this.#options;
    const { key: { jobId, dispatchId }, agent, room, participantIdentity } = plan;
    const removing = leavesByItself ? Promise.resolve() : api.removeParticipant(room, participantIdentity).then(
      () => {},
      (error) => logger.warn("could not remove a lost agent from its room", { room, participantIdentity, error }),
    );
    const looking = lookIntoRoom(api, room, CLEAR_LIMIT_MS);
    await settlesWithin(removing, CLEAR_LIMIT_MS);
    const there = await looking;
    const wasHumanThere = there?.some(isHuman) ?? false;
    // Nobody in the room, and never joined: nothing was lost there.
    if (there !== null && !wasHumanThere && plan.attempt === 1 && there.length === 0) return;
    losses.lost({ dispatchId, jobId, agent, server, room, cause: kind, wasHumanThere, lostAt: at });
  }
}

/** As db/standing_dispatches.ts says it of rows: LiveKit placed the job for one of the room's participants. */
function isStanding({ livekit, triggeringParticipant }: JobPlan): boolean {
  return livekit !== null && triggeringParticipant !== null;
}
