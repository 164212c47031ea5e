/**
 * The participant that a participant or publisher job is for: the job ends when that one has left.
 *
 *   awaited ─comes─▶ there ─leaves─▶ gone
 *      └─ missing for `waitMs` ─▶ gone
 *
 * While our own connection is being re-made, and for RECONNECT_SETTLE_MS after, a participant that goes is only awaited
 * again: after a restart of the server it comes back seconds after us (livekit.md 7b).
 */
import type { Room } from "@livekit/rtc-node";

export interface ParticipantWatchOptions {
  room: Pick<Room, "on" | "remoteParticipants">;
  identity: string;
  /** 0: it is awaited for ever. */
  waitMs: number;
  /** Called at most once. */
  onGone(detail: string): void;
}

const RECONNECT_SETTLE_MS = 5_000;

export class ParticipantWatch {
  readonly #options: ParticipantWatchOptions;
  #isInRoom = false;
  #settledAtMs = 0;
  #missing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ParticipantWatchOptions) {
    this.#options = options;
    const { room, identity } = options;
    room.on("participantConnected", (participant) => participant.identity === identity && this.#came());
    room.on("participantDisconnected", (participant) => participant.identity === identity && this.#left());
    room.on("reconnecting", () => this.#settledAtMs = Infinity);
    room.on("reconnected", () => {
      this.#settledAtMs = performance.now() + RECONNECT_SETTLE_MS;
      this.#look();
    });
  }

  /** We have joined the room. */
  joined(): void {
    this.#isInRoom = true;
    this.#look();
  }

  /** The job has ended: nothing is called any more. */
  close(): void {
    this.#isInRoom = false;
    clearTimeout(this.#missing);
  }

  #look(): void {
    const { room, identity } = this.#options;
    if (room.remoteParticipants.has(identity)) this.#came();
    else this.#await();
  }

  #came(): void {
    clearTimeout(this.#missing);
  }

  #await(): void {
    const { identity, waitMs, onGone } = this.#options;
    clearTimeout(this.#missing);
    if (!this.#isInRoom || waitMs === 0) return;
    const detail = `Participant ${identity}, which the job is for, was not in the room for ${waitMs / 1_000} s`;
    this.#missing = setTimeout(() => onGone(detail), waitMs);
  }

  #left(): void {
    if (!this.#isInRoom) return;
    if (performance.now() < this.#settledAtMs) return this.#await();
    this.close();
    this.#options.onGone(`Participant ${this.#options.identity}, which the job is for, left the room`);
  }
}
