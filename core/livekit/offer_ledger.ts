/**
 * What became of the jobs that LiveKit offered on one worker connection. Pure: no clock, no socket.
 *
 *   (new) → accepted → assigned → ended
 *      │        └→ lapsed → assigned (late)
 *      └→ declined · terminated
 *
 * Guarantees: the handler is asked once per offer that it may still take; an accepted offer ends as assigned or lapsed,
 * never both unnoticed; a job's status is reported only by the connection that it was assigned on (another one's report
 * would make a job un-terminable, livekit.md 4.2).
 */
import type { AvailabilityAnswer } from "./job_offer.ts";

type Entry =
  | { state: "accepted"; answer: AvailabilityAnswer }
  | { state: "declined" | "lapsed" | "ended" }
  | { state: "terminated"; answer: AvailabilityAnswer }
  | { state: "assigned"; assignedAtMs: number };

/** Settled offers that are remembered; the oldest go first. */
const MAX_SETTLED = 1_000;

export class OfferLedger {
  readonly #entries = new Map<string, Entry>();
  #settled = 0;

  /** The answer to give without asking the handler, or null when it is to be asked. */
  answerFor(jobId: string): AvailabilityAnswer | null {
    const entry = this.#entries.get(jobId);
    switch (entry?.state) {
      case "accepted":
      case "terminated":
        return entry.answer;
      case "assigned":
      case "ended":
        return { kind: "decline", reason: "this worker has the job already" };
      default:
        return null;
    }
  }

  noteAnswer(jobId: string, answer: AvailabilityAnswer): void {
    if (answer.kind === "accept") this.#put(jobId, { state: "accepted", answer });
    else if (answer.kind === "terminate") this.#put(jobId, { state: "terminated", answer });
    else this.#put(jobId, { state: "declined" });
  }

  /** "late": no slot is reserved for it any more (or never was); "duplicate": it runs already, do nothing. */
  noteAssignment(jobId: string, nowMs: number): "expected" | "late" | "duplicate" {
    const before = this.#entries.get(jobId)?.state;
    if (before === "assigned" || before === "ended") return "duplicate";
    this.#put(jobId, { state: "assigned", assignedAtMs: nowMs });
    return before === "accepted" ? "expected" : "late";
  }

  /** True when the offer was accepted and still waits for its assignment. */
  noteLapse(jobId: string): boolean {
    if (this.#entries.get(jobId)?.state !== "accepted") return false;
    this.#put(jobId, { state: "lapsed" });
    return true;
  }

  noteEnd(jobId: string): void {
    if (this.#entries.get(jobId)?.state === "assigned") this.#put(jobId, { state: "ended" });
  }

  /** When the job was assigned on this connection; null when it was not, or has ended. */
  assignedAtMs(jobId: string): number | null {
    const entry = this.#entries.get(jobId);
    return entry?.state === "assigned" ? entry.assignedAtMs : null;
  }

  /** Accepted offers without an assignment. */
  listAccepted(): string[] {
    return [...this.#entries].filter(([, { state }]) => state === "accepted").map(([jobId]) => jobId);
  }

  /** True while an accepted or assigned job has not ended. */
  get hasUnended(): boolean {
    return this.#entries.size > this.#settled;
  }

  #put(jobId: string, entry: Entry): void {
    const before = this.#entries.get(jobId);
    if (before && isSettled(before)) this.#settled -= 1;
    this.#entries.delete(jobId); // so that the newest is last
    this.#entries.set(jobId, entry);
    if (isSettled(entry) && ++this.#settled > MAX_SETTLED) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const [jobId, entry] of this.#entries) {
      if (!isSettled(entry)) continue;
      this.#entries.delete(jobId);
      this.#settled -= 1;
      return;
    }
  }
}

function isSettled({ state }: Entry): boolean {
  return state !== "accepted" && state !== "assigned";
}
