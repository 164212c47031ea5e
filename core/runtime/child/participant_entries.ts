/**
 * ctx.onParticipant: one run of an entry per participant that fits, from when it is seen until it leaves. A run's error is
 * logged with the participant's identity and ends nothing else; one that comes from its own abort is no error.
 */
import type { RemoteParticipant, Room } from "@livekit/rtc-node";
import { JobEndedError } from "../../agent/errors.ts";
import type { JobLog } from "../../agent/job_context.ts";

export interface ParticipantEntriesOptions {
  room: Room;
  /** Aborts when the job ends. */
  signal: AbortSignal;
  log: JobLog;
  isAbort(error: unknown): boolean;
}

export type ParticipantRun = (participant: RemoteParticipant, signal: AbortSignal) => void | Promise<void>;

interface Registration {
  run: ParticipantRun;
  fits(participant: RemoteParticipant): boolean;
  /** By identity. */
  running: Map<string, { participant: RemoteParticipant; left: AbortController }>;
}

const MAX_REGISTRATIONS = 100;

export class ParticipantEntries {
  readonly #options: ParticipantEntriesOptions;
  readonly #registrations: Registration[] = [];
  readonly #runs = new Set<Promise<void>>();

  constructor(options: ParticipantEntriesOptions) {
    this.#options = options;
    const { room } = options;
    room.on("participantConnected", (participant) => this.#seen(participant));
    room.on("participantDisconnected", (participant) => this.#left(participant.identity));
    // Who was there before us comes with the connect, not as an event.
    room.on("connectionStateChanged", () => room.remoteParticipants.forEach((each) => this.#seen(each)));
  }

  register(run: ParticipantRun, fits: (participant: RemoteParticipant) => boolean): void {
    if (this.#registrations.length >= MAX_REGISTRATIONS) {
      throw new RangeError(`Cannot register an entry for participants: there are ${MAX_REGISTRATIONS} already`);
    }
    this.#registrations.push({ run, fits, running: new Map() });
    this.#options.room.remoteParticipants.forEach((each) => this.#seen(each));
  }

  /** Resolves when no run is left. Never rejects. */
  async settled(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all(this.#runs);
  }

  #seen(participant: RemoteParticipant): void {
    if (this.#options.signal.aborted) return;
    for (const registration of this.#registrations) {
      const known = registration.running.get(participant.identity);
      // One that came back under its identity is another participant: its object is new.
      if (known?.participant === participant || !registration.fits(participant)) continue;
      known?.left.abort(new JobEndedError("participant_left"));
      this.#start(registration, participant);
    }
  }

  #start({ run, running }: Registration, participant: RemoteParticipant): void {
    const left = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, left.signal]);
    running.set(participant.identity, { participant, left });
    const work = Promise.try(() => run(participant, signal)).catch((error) => {
      if (signal.aborted && this.#options.isAbort(error)) return;
      this.#options.log.error("The entry of a participant failed", { participant: participant.identity, error });
    }).finally(() => this.#runs.delete(work));
    this.#runs.add(work);
  }

  #left(identity: string): void {
    for (const { running } of this.#registrations) {
      running.get(identity)?.left.abort(new JobEndedError("participant_left"));
      running.delete(identity);
    }
  }
}
