/** What a worker connection asks of, and tells, the part that owns the slots. */
import type { AvailabilityAnswer, OfferedJob } from "./job_offer.ts";
import type { WorkerLoad } from "./worker_messages.ts";

export interface WorkerHandlers {
  /**
   * Answers an offer and reserves a slot when it accepts: from memory, or by a promise that has a limit of its own. What
   * has not settled after answerTimeoutMs is declined; an acceptance after that is followed by onOfferLapsed.
   */
  onAvailability(job: OfferedJob): AvailabilityAnswer | Promise<AvailabilityAnswer>;
  /**
   * The job is ours. `token` is LiveKit's own and carries the `agent` grant: don't hand it to user code. `isLate`: no
   * reservation is held for it; it must still be run or ended by updateJob, because the server asks nobody else.
   */
  onAssignment(job: OfferedJob, token: string, how: { isLate: boolean }): void | Promise<void>;
  /** LiveKit wants the job to end; it gives no reason (livekit.md 4.4). Report its final status all the same. */
  onTermination(jobId: string): void | Promise<void>;
  /** No assignment came for an accepted offer: free the slot. */
  onOfferLapsed(jobId: string): void;
  /** Asked for each report, so it must be cheap. */
  load(): WorkerLoad;
}

export interface WorkerTimings {
  handshakeTimeoutMs: number;
  pingIntervalMs: number;
  /** How long an accepted offer is reserved; the server gives up 3 s after it asked. */
  assignmentTimeoutMs: number;
  loadIntervalMs: number;
  /** How long an offer waits for the handler's answer. */
  answerTimeoutMs: number;
}
