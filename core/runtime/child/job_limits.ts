/**
 * The two limits that a job keeps by itself: its time limit (from entry on) and the time without a human in its room
 * (from connect on). The parent has a backstop for the first, because a stuck event loop keeps no limit.
 *
 * While the room connection is being re-made nobody knows who is there, so that time counts for nobody; the clock starts
 * anew when it is back.
 */
import type { RemoteParticipant, Room } from "@livekit/rtc-node";
import type { JobStart } from "../messages.ts";

export type LimitReason = "deadline" | "alone";

export interface JobLimitsOptions {
  job: Pick<JobStart, "timeoutMs" | "aloneTimeoutMs">;
  room: Pick<Room, "on" | "remoteParticipants">;
  isHuman(participant: RemoteParticipant): boolean;
  /** Called for each limit that is reached, at most once each. */
  onOver(reason: LimitReason, detail: string): void;
}

export class JobLimits {
  readonly #options: JobLimitsOptions;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #alone: ReturnType<typeof setTimeout> | undefined;
  #isInRoom = false;

  constructor(options: JobLimitsOptions) {
    this.#options = options;
    const { room } = options;
    room.on("participantConnected", () => this.#look());
    // The one who leaves is still listed while this is told.
    room.on("participantDisconnected", (participant) => this.#look(participant));
    room.on("reconnecting", () => this.#stopAlone());
    room.on("reconnected", () => this.#look());
  }

  /** Entry is being called. */
  start(): void {
    const { job: { timeoutMs }, onOver } = this.#options;
    if (timeoutMs === undefined) return;
    const detail = `The job took longer than its limit of ${timeoutMs / 1_000} s`;
    this.#deadline = setTimeout(() => onOver("deadline", detail), timeoutMs);
  }

  connected(): void {
    this.#isInRoom = true;
    this.#look();
  }

  /** The job has ended: nothing is called any more. */
  close(): void {
    this.#isInRoom = false;
    clearTimeout(this.#deadline);
    this.#stopAlone();
  }

  #look(leaving?: RemoteParticipant): void {
    const { job: { aloneTimeoutMs }, room, isHuman, onOver } = this.#options;
    if (!this.#isInRoom || aloneTimeoutMs === 0) return;
    const isThere = [...room.remoteParticipants.values()].some((one) => isHuman(one) && one !== leaving);
    if (isThere) return this.#stopAlone();
    const detail = `No human was in the room for ${aloneTimeoutMs / 1_000} s`;
    this.#alone ??= setTimeout(() => onOver("alone", detail), aloneTimeoutMs);
  }

  #stopAlone(): void {
    clearTimeout(this.#alone);
    this.#alone = undefined;
  }
}
