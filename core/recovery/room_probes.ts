/**
 * Probes of agents that are still seen in their rooms though their instance seems to be gone: a data packet with a nonce on
 * `greenroom.probe`, which a live child answers by its attribute `greenroom.alive` (child/room_fence.ts; p50 3 ms). One
 * that has answered is probed again REPEAT_MS later, without limit. Sending says nothing: a dead agent's packet is
 * "delivered" as well (livekit.md 7b).
 */
import type { ParticipantInfo } from "@livekit/protocol";
import type { Logger } from "../lifecycle/logger.ts";
import type { RoomCalls } from "./room_sight.ts";

export const PROBE_TOPIC = "greenroom.probe";
export const ALIVE_ATTRIBUTE = "greenroom.alive";
const REPEAT_MS = 2_000;

export interface Probed {
  jobId: string;
  room: string;
  participantIdentity: string;
}

interface Probe {
  nonce: string;
  sentAtMs: number;
}

export class RoomProbes {
  readonly #api: Pick<RoomCalls, "sendData">;
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  readonly #probes = new Map<string, Probe>();

  constructor(api: Pick<RoomCalls, "sendData">, logger: Logger, nowMs: () => number = () => performance.now()) {
    this.#api = api;
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Forgets the probes of all other jobs. */
  keepOnly(jobIds: ReadonlySet<string>): void {
    for (const jobId of this.#probes.keys()) if (!jobIds.has(jobId)) this.#probes.delete(jobId);
  }

  /** The probe under way, and whether its answer is seen; null: a (new) one is due. */
  seen(job: Probed, there: readonly ParticipantInfo[]): { sentAgoMs: number; isAnswered: boolean } | null {
    const probe = this.#probes.get(job.jobId);
    if (probe === undefined) return null;
    const sentAgoMs = this.#nowMs() - probe.sentAtMs;
    const agent = there.find(({ identity }) => identity === job.participantIdentity);
    const isAnswered = agent?.attributes[ALIVE_ATTRIBUTE] === probe.nonce;
    if (!isAnswered || sentAgoMs < REPEAT_MS) return { sentAgoMs, isAnswered };
    this.#probes.delete(job.jobId);
    return null;
  }

  /** Sends a probe unless one is under way. Never rejects: one that could not be sent is due again. */
  async send({ jobId, room, participantIdentity }: Probed): Promise<void> {
    if (this.#probes.has(jobId)) return;
    const nonce = crypto.randomUUID();
    this.#probes.set(jobId, { nonce, sentAtMs: this.#nowMs() });
    try {
      const data = new TextEncoder().encode(nonce);
      await this.#api.sendData({ room, topic: PROBE_TOPIC, data, destinationIdentities: [participantIdentity] });
    } catch (error) {
      this.#probes.delete(jobId);
      this.#logger.debug("a probe could not be sent", { job: jobId, room, error });
    }
  }
}
