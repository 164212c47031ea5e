/**
 * What a JobTermination means. LiveKit sends it without a reason (livekit.md 4.4): because the dispatch was deleted, or
 * because the agent's participant left for any reason, also when its connection was only re-made with the same identity.
 * The latter must not end a live call, so the room is asked first:
 *
 *   told ─hold─▶ looking ─┬─ dispatch gone ──────────────────────▶ end (its budget is TERMINATION_GRACE_MS)
 *                 ▲       ├─ agent in the room, dispatch there ──▶ left be, looked at again every WATCH_EVERY_MS
 *                 └───────┴─ agent absent ─▶ looked at again; absent for ABSENT_LIMIT_MS ▶ end
 *
 * - A job that ends by itself meanwhile (room closed, removed, connection given up) keeps its own reason.
 * - A job that is left be is watched to its end, because the server has forgotten it and can't end it any more.
 * - LiveKit can't be asked: no verdict, ask again. A deleted dispatch's agent is removed by the server after 3 s anyway.
 */
import { ParticipantInfo_State } from "@livekit/protocol";
import type { Logger } from "../lifecycle/logger.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { RunningJob } from "../runtime/job_runner.ts";

export interface RoomLook {
  /** The agent's participant is in the room. */
  isPresent: boolean;
  /** LiveKit's dispatch of the job is still there; null: the job has none that could be asked for. */
  hasDispatch: boolean | null;
}

export type TerminationVerdict = "end" | "leave_be" | "look_again";

/** @param absentMs for how long the agent has been absent at every look. Pure. */
export function decideTermination({ isPresent, hasDispatch }: RoomLook, absentMs: number): TerminationVerdict {
  if (hasDispatch === false) return "end";
  if (isPresent) return "leave_be";
  return absentMs >= ABSENT_LIMIT_MS ? "end" : "look_again";
}

/** rtc-node gives a connection up after 21-31 s (livekit.md 7b); the job then ends by itself. */
export const ABSENT_LIMIT_MS = 35_000;
/** A closing room ends its jobs by itself and sends a termination too; what ends by itself keeps its own reason. */
const HOLD_MS = 300;
/** LiveKit removes the participant 3 s after it asked (livekit.md 4.4a). */
export const TERMINATION_GRACE_MS = 2_500;
const LOOK_EVERY_MS = 1_000;
const WATCH_EVERY_MS = 5_000;

export interface TerminationCheckOptions {
  api: Pick<ServerApi, "findDispatch" | "listParticipants">;
  logger: Logger;
  /** Shorter waits, for tests. */
  timings?: { holdMs: number; lookEveryMs: number; watchEveryMs: number };
}

export class TerminationCheck {
  readonly #options: TerminationCheckOptions;
  readonly #watched = new Set<string>();

  constructor(options: TerminationCheckOptions) {
    this.#options = options;
  }

  /** LiveKit asked to end this job. Resolves when that is settled: the job is told to end, or is gone. Never rejects. */
  async told(job: RunningJob, livekitDispatchId: string): Promise<void> {
    const { jobId } = job.plan.key;
    if (this.#watched.has(jobId)) return;
    this.#watched.add(jobId);
    const logger = this.#options.logger.with({ job: jobId, room: job.plan.room });
    const ending = new AbortController();
    void job.gone.then(() => ending.abort());
    try {
      await this.#settle(job, livekitDispatchId, logger, ending.signal);
    } catch (error) {
      logger.error("could not settle a termination", { error });
    } finally {
      this.#watched.delete(jobId);
    }
  }

  async #settle(job: RunningJob, dispatchId: string, logger: Logger, signal: AbortSignal): Promise<void> {
    const { holdMs, lookEveryMs, watchEveryMs } = this.#options.timings ?? TIMINGS;
    await abortableWait(holdMs, signal);
    let absentSinceMs: number | null = null;
    let isLeftBe = false;
    while (!signal.aborted) {
      const look = await this.#look(job, dispatchId, logger);
      if (signal.aborted) return;
      const nowMs = performance.now();
      if (look !== null) absentSinceMs = look.isPresent ? null : absentSinceMs ?? nowMs;
      const absentMs = absentSinceMs === null ? 0 : nowMs - absentSinceMs;
      const verdict = look === null ? "look_again" : decideTermination(look, absentMs);
      if (verdict === "end") return job.cancel("terminated_by_livekit", TERMINATION_GRACE_MS);
      if (verdict === "leave_be" && !isLeftBe) {
        isLeftBe = true;
        logger.info("LiveKit asked to end a job whose agent is in its room, as after a reconnect; it goes on");
      }
      await abortableWait(verdict === "leave_be" ? watchEveryMs : lookEveryMs, signal);
    }
  }

  /** Null when LiveKit can't be asked. */
  async #look({ plan }: RunningJob, dispatchId: string, logger: Logger): Promise<RoomLook | null> {
    const { api } = this.#options;
    try {
      const [participants, dispatch] = await Promise.all([
        api.listParticipants(plan.room),
        dispatchId === "" ? null : api.findDispatch(plan.room, dispatchId),
      ]);
      const isPresent = participants.some(({ identity, state }) =>
        identity === plan.participantIdentity && state !== ParticipantInfo_State.DISCONNECTED
      );
      return { isPresent, hasDispatch: dispatchId === "" ? null : dispatch !== null };
    } catch (error) {
      logger.warn("could not look into the room of a job that LiveKit asked to end; looking again", { error });
      return null;
    }
  }
}

const TIMINGS = { holdMs: HOLD_MS, lookEveryMs: LOOK_EVERY_MS, watchEveryMs: WATCH_EVERY_MS };
