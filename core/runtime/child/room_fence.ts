/**
 * The child's side of the fence around a room (architecture.md 7):
 *
 * - It answers probes: what comes on `greenroom.probe` from the server API goes into its attribute `greenroom.alive`. So a
 *   child whose control plane is only paused, or cut off from the database, is left alone.
 * - It gives way: when another agent of the same dispatch (and participant) with a higher attempt is in the room, this one
 *   has been replaced. Looked at after each connect and reconnect, and whenever an agent comes or says who it is.
 */
import { ParticipantKind, type RemoteParticipant, type Room } from "@livekit/rtc-node";
import type { JobStart } from "../messages.ts";

const PROBE_TOPIC = "greenroom.probe";
const ALIVE_ATTRIBUTE = "greenroom.alive";
/** Longer ones are not ours. */
const MAX_NONCE_BYTES = 128;

export interface RoomFenceOptions {
  job: Pick<JobStart, "dispatchId" | "triggeringParticipant" | "attempt">;
  room: Room;
  /** A newer attempt is there. */
  onReplaced(detail: string): void;
  setAttributes(attributes: Record<string, string>): void;
}

export class RoomFence {
  readonly #options: RoomFenceOptions;

  constructor(options: RoomFenceOptions) {
    this.#options = options;
    const { room } = options;
    room.on("dataReceived", (payload, participant, _kind, topic) => {
      if (topic === PROBE_TOPIC && participant === undefined) this.#answer(payload);
    });
    room.on("reconnected", () => this.look());
    room.on("participantConnected", (participant) => this.#compare([participant]));
    room.on("participantAttributesChanged", (_changed, { identity }) => {
      const other = room.remoteParticipants.get(identity);
      if (other) this.#compare([other]);
    });
  }

  /** Compares attempts with who is there now. */
  look(): void {
    this.#compare([...this.#options.room.remoteParticipants.values()]);
  }

  #compare(others: readonly RemoteParticipant[]): void {
    const { job: { attempt }, onReplaced } = this.#options;
    const newer = others.find((other) => this.#attemptOf(other) > attempt);
    if (newer) onReplaced(`A newer attempt of this dispatch is in the room: ${newer.identity}`);
  }

  /** Of the same dispatch and participant; 0 for all others. */
  #attemptOf({ kind, attributes }: RemoteParticipant): number {
    const { dispatchId, triggeringParticipant } = this.#options.job;
    if (kind !== ParticipantKind.AGENT || attributes["greenroom.dispatch"] !== dispatchId) return 0;
    if (attributes["greenroom.for"] !== triggeringParticipant) return 0;
    return Number(attributes["greenroom.attempt"] ?? 0);
  }

  #answer(payload: Uint8Array): void {
    if (payload.length > MAX_NONCE_BYTES) return;
    this.#options.setAttributes({ [ALIVE_ATTRIBUTE]: new TextDecoder().decode(payload) });
  }
}
