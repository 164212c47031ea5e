/**
 * Answers the offers of one worker connection and follows the accepted ones to their assignment. What is remembered of
 * each job: offer_ledger.ts.
 *
 *   offer ──handler answers, now or by a promise──▶ answered ──accepted──▶ assigned | lapsed
 *     └──no answer within answerTimeoutMs──▶ declined; an acceptance that comes later lapses at once
 *
 * Guarantees: each offer gets exactly one answer, also when the handler throws, never settles, or the same job is offered
 * twice; every acceptance by the handler is followed by onAssignment or onOfferLapsed, also when the socket ends first. One
 * handler that is slow holds up no other offer.
 */
import type { Logger } from "../lifecycle/logger.ts";
import type { AvailabilityAnswer, OfferedJob } from "./job_offer.ts";
import { OfferLedger } from "./offer_ledger.ts";
import type { WorkerHandlers, WorkerTimings } from "./worker_handlers.ts";

export interface OfferDeskOptions {
  handlers: Pick<WorkerHandlers, "onAvailability" | "onAssignment" | "onOfferLapsed">;
  timings: Pick<WorkerTimings, "assignmentTimeoutMs" | "answerTimeoutMs">;
  /** Sends an answer, if the socket is still there. */
  answer: (jobId: string, answer: AvailabilityAnswer) => void;
  /** An offer was accepted or has lapsed. */
  onLoadChange: () => void;
  /** An assigned job that the handler could not take: the server must hear that it failed. */
  onNotTaken: (jobId: string) => void;
  logger: Logger;
}

/** An offer whose handler has not answered yet. */
interface OpenQuestion {
  /** Availability requests that wait for this answer: the job may be offered again meanwhile. */
  requests: number;
  timer: ReturnType<typeof setTimeout>;
}

export class OfferDesk {
  readonly ledger = new OfferLedger();
  readonly #options: OfferDeskOptions;
  readonly #questions = new Map<string, OpenQuestion>();
  readonly #lapseTimers = new Map<string, ReturnType<typeof setTimeout>>();
  #isOver = false;

  constructor(options: OfferDeskOptions) {
    this.#options = options;
  }

  offered(job: OfferedJob): void {
    const known = this.ledger.answerFor(job.id);
    if (known) return this.#options.answer(job.id, known);
    const open = this.#questions.get(job.id);
    if (open) return void open.requests++;
    const given = this.#ask(job);
    if (!(given instanceof Promise)) return this.#answer(job.id, given);
    const question: OpenQuestion = {
      requests: 1,
      timer: setTimeout(
        () => this.#settle(job.id, question, { kind: "decline", reason: "no answer in time" }),
        this.#options.timings.answerTimeoutMs,
      ),
    };
    this.#questions.set(job.id, question);
    given.catch((error: unknown) => this.#handlerFailed(error)).then((answer) => {
      if (this.#settle(job.id, question, answer) || answer.kind !== "accept") return;
      this.#tellLapsed(job.id); // nobody waits for it any more, and its slot is reserved
    });
  }

  /** @param token LiveKit's own for the job. @param nowMs monotonic. */
  assigned(job: OfferedJob, token: string, nowMs: number): void {
    const { handlers, logger, onNotTaken } = this.#options;
    const how = this.ledger.noteAssignment(job.id, nowMs);
    this.#clearLapse(job.id);
    if (how === "duplicate") return logger.warn("dropped a second assignment of a job", { livekitJobId: job.id });
    const failed = (error: unknown) => {
      logger.error("could not take an assigned job", { livekitJobId: job.id, error });
      onNotTaken(job.id);
    };
    try {
      handlers.onAssignment(job, token, { isLate: how === "late" })?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** The connection is over: what was accepted and not assigned lapses, also answers that still come. */
  finish(): void {
    this.#isOver = true;
    for (const { timer } of this.#questions.values()) clearTimeout(timer);
    this.#questions.clear();
    for (const jobId of this.ledger.listAccepted()) this.#lapse(jobId);
  }

  #ask(job: OfferedJob): AvailabilityAnswer | Promise<AvailabilityAnswer> {
    try {
      const given = this.#options.handlers.onAvailability(job);
      return given instanceof Promise ? given.then((answer) => this.#checked(job, answer)) : this.#checked(job, given);
    } catch (error) {
      return this.#handlerFailed(error);
    }
  }

  #checked(job: OfferedJob, answer: AvailabilityAnswer): AvailabilityAnswer {
    if (answer.kind !== "accept" || answer.participantIdentity !== "") return answer;
    this.#options.logger.error("declined a job: it was accepted without a participant identity", {
      livekitJobId: job.id,
    });
    this.#tellLapsed(job.id);
    return { kind: "decline", reason: "no participant identity" };
  }

  #handlerFailed(error: unknown): AvailabilityAnswer {
    this.#options.logger.error("a worker handler failed", { handler: "onAvailability", error });
    return { kind: "decline", reason: "the handler failed" };
  }

  /** False when the question was settled before. */
  #settle(jobId: string, question: OpenQuestion, answer: AvailabilityAnswer): boolean {
    if (this.#questions.get(jobId) !== question) return false;
    clearTimeout(question.timer);
    this.#questions.delete(jobId);
    for (let again = 1; again < question.requests; again++) this.#options.answer(jobId, answer);
    this.#answer(jobId, answer);
    return true;
  }

  #answer(jobId: string, answer: AvailabilityAnswer): void {
    this.#options.answer(jobId, answer);
    this.ledger.noteAnswer(jobId, answer);
    if (answer.kind !== "accept") return;
    const lapse = () => this.#lapse(jobId);
    this.#lapseTimers.set(jobId, setTimeout(lapse, this.#options.timings.assignmentTimeoutMs));
    this.#options.onLoadChange();
  }

  #lapse(jobId: string): void {
    this.#clearLapse(jobId);
    if (!this.ledger.noteLapse(jobId)) return;
    this.#options.logger.warn("LiveKit did not assign a job that was accepted", { livekitJobId: jobId });
    this.#tellLapsed(jobId);
  }

  #tellLapsed(jobId: string): void {
    try {
      this.#options.handlers.onOfferLapsed(jobId);
    } catch (error) {
      this.#options.logger.error("a worker handler failed", { handler: "onOfferLapsed", error });
    }
    if (!this.#isOver) this.#options.onLoadChange();
  }

  #clearLapse(jobId: string): void {
    clearTimeout(this.#lapseTimers.get(jobId));
    this.#lapseTimers.delete(jobId);
  }
}
