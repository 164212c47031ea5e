/**
 * One agent's stay in one room: idle → connecting → connected (through any number of reconnects) → left | lost.
 *
 * - `onLost` is called when the stay ends by anything but our own `leave`, or when the participant that the job is for
 *   has left (or has not come for a while): only its first call counts.
 * - The `greenroom.*` attributes are set right after connect and again after each reconnect. The update makes LiveKit
 *   announce an agent without tracks at once, else others see it up to 3 s later. Whether to set them is decided by the
 *   permission: without it LiveKit drops the update silently.
 * - Tracks that LiveKit lost while the connection was re-made are brought back, or the stay counts as lost.
 * - `leave` is bounded and never fails: what it can't do, the end of the process does.
 */
import { DisconnectReason, ParticipantKind, type RemoteParticipant, Room, type RoomOptions } from "@livekit/rtc-node";
import type { AgentPermissions } from "../../agent/define_agent.ts";
import { JobEndedError } from "../../agent/errors.ts";
import type { ConnectOptions, EndedReason, JobLog, ParticipantFilter } from "../../agent/job_context.ts";
import type { RoomApi } from "../../agent/room_api.ts";
import type { JobStart } from "../messages.ts";
import { ParticipantWatch } from "./participant_watch.ts";
import { RoomFence } from "./room_fence.ts";
import { forgetUnpublished, TrackCheck } from "./track_check.ts";

const READY_TOPIC = "greenroom.ready";
const LEAVE_LIMIT_MS = 2_000;

export type LostReason = Extract<
  EndedReason,
  "room_closed" | "removed_from_room" | "connection_lost" | "participant_left"
>;

export interface RoomSessionOptions {
  job: JobStart;
  permissions: AgentPermissions;
  /** The server API, for what the agent's own permissions don't allow. */
  api: Pick<RoomApi, "listParticipants" | "updateParticipant" | "sendData">;
  connectTimeoutMs: number;
  /** Aborts when the job ends; its reason is a JobEndedError. */
  signal: AbortSignal;
  log: JobLog;
  onConnected(): void;
  onReady(): void;
  onLost(reason: LostReason, detail: string): void;
}

export class RoomSession {
  readonly room = new Room();
  readonly #options: RoomSessionOptions;
  #connecting: Promise<void> | null = null;
  #isConnected = false;
  #isLeaving = false;
  #readyAt: string | null = null;
  #participant: ParticipantWatch | null = null;
  readonly #fence: RoomFence;
  readonly #tracks: TrackCheck;

  constructor(options: RoomSessionOptions) {
    this.#options = options;
    this.room.on("disconnected", (reason) => this.#disconnected(reason));
    this.room.on("reconnected", () => this.#setAttributes());
    this.#fence = new RoomFence({
      job: options.job,
      room: this.room,
      onReplaced: (detail) => {
        if (this.#isConnected && !this.#isLeaving) options.onLost("removed_from_room", detail);
      },
      setAttributes: (attributes) => this.#setAttributes(attributes),
    });
    this.#tracks = new TrackCheck({
      room: this.room,
      identity: options.job.participantIdentity,
      listParticipants: () => options.api.listParticipants(),
      log: options.log,
      onMissing: (detail) => {
        if (this.#isConnected && !this.#isLeaving) options.onLost("connection_lost", detail);
      },
    });
    const { triggeringParticipant: identity, aloneTimeoutMs: waitMs } = options.job;
    if (identity === undefined) return;
    const onGone = (detail: string) => this.#options.onLost("participant_left", detail);
    this.#participant = new ParticipantWatch({ room: this.room, identity, waitMs, onGone });
  }

  connect(options: ConnectOptions = {}): Promise<void> {
    this.#connecting ??= this.#connect(options).catch((error) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
  }

  ready(): void {
    if (!this.#isConnected) throw new Error("Cannot be ready: the agent is not connected to its room");
    if (this.#readyAt !== null) return;
    this.#readyAt = new Date().toISOString();
    this.#options.onReady();
    this.#setAttributes();
    this.#announceReady();
  }

  /** Which participants a filter means; without one, those that the job is for, else any but agents. */
  matcher(filter: ParticipantFilter): (participant: RemoteParticipant) => boolean {
    const { triggeringParticipant: identity } = this.#options.job;
    const isOpen = filter.identity === undefined && filter.kind === undefined;
    const meant = isOpen && identity !== undefined ? { identity } : filter;
    return (participant) => fits(participant, meant);
  }

  waitForParticipant(filter: ParticipantFilter = {}): Promise<RemoteParticipant> {
    const { signal } = this.#options;
    const isMeant = this.matcher(filter);
    const { promise, resolve, reject } = Promise.withResolvers<RemoteParticipant>();
    const check = (participant: RemoteParticipant) => {
      if (isMeant(participant)) resolve(participant);
    };
    const refuse = () => reject(signal.reason);
    const checkPresent = () => this.room.remoteParticipants.forEach(check);
    if (signal.aborted) refuse();
    signal.addEventListener("abort", refuse);
    this.room.on("participantConnected", check);
    // Who was there before us comes with the connect, not as an event.
    this.room.on("connectionStateChanged", checkPresent);
    checkPresent();
    return promise.finally(() => {
      signal.removeEventListener("abort", refuse);
      this.room.off("participantConnected", check);
      this.room.off("connectionStateChanged", checkPresent);
    });
  }

  /** Leaves the room, also one that is just being joined. */
  async leave(limitMs = LEAVE_LIMIT_MS): Promise<void> {
    this.#isLeaving = true;
    this.#participant?.close();
    this.#tracks.close();
    const left = (async () => {
      await this.#connecting;
      await this.room.disconnect();
    })().catch((error) => this.#options.log.debug("Leaving the room failed", { error }));
    await settledWithin(left, limitMs);
  }

  async #connect(options: ConnectOptions): Promise<void> {
    const { job, signal, connectTimeoutMs } = this.#options;
    signal.throwIfAborted();
    // Two peer connections, as by default: one (singlePeerConnection) waits less but computes more, 47 ms of CPU instead
    // of 18 per connect, so ten connects at once on two cores take 0.8 instead of 0.3 s.
    const roomOptions: RoomOptions = { autoSubscribe: true, dynacast: false, ...options };
    const joining = this.room.connect(job.url, job.token, roomOptions);
    await settledOrEnded(joining, signal, connectTimeoutMs);
    this.#isConnected = true;
    if (this.room.localParticipant) forgetUnpublished(this.room.localParticipant);
    this.#options.onConnected();
    this.#participant?.joined();
    if (job.readiness === "connected") this.ready();
    else this.#setAttributes();
    this.#fence.look();
  }

  #disconnected(reason: DisconnectReason): void {
    if (this.#isLeaving) return;
    this.#isConnected = false;
    const name = DisconnectReason[reason] ?? `reason ${reason}`;
    this.#options.onLost(lostReasonOf(reason), `Disconnected from the room: ${name}`);
  }

  /** Without the permission LiveKit would take them and do nothing (livekit.md 7b), so the server API sets them. */
  #setAttributes(more: Record<string, string> = {}): void {
    const { job, permissions, api } = this.#options;
    const attributes = {
      "greenroom.dispatch": job.dispatchId,
      "greenroom.attempt": String(job.attempt),
      ...(job.triggeringParticipant === undefined ? {} : { "greenroom.for": job.triggeringParticipant }),
      ...(this.#readyAt === null ? {} : { "greenroom.ready": this.#readyAt }),
      ...more,
    };
    this.#record(
      "Setting attributes failed",
      permissions.canUpdateOwnMetadata === false
        ? api.updateParticipant(job.participantIdentity, { attributes })
        : this.room.localParticipant?.setAttributes(attributes),
    );
  }

  #announceReady(): void {
    const { job, permissions, api } = this.#options;
    const told = JSON.stringify({ dispatchId: job.dispatchId, jobId: job.jobId, attempt: job.attempt });
    const packet = new TextEncoder().encode(told);
    this.#record(
      "Announcing readiness failed",
      permissions.canPublishData === false
        ? api.sendData(packet, { topic: READY_TOPIC })
        : this.room.localParticipant?.publishData(packet, { reliable: true, topic: READY_TOPIC }),
    );
  }

  /** Waits for nobody: readiness must not be late because of its announcement. */
  #record(failure: string, work: Promise<unknown> | undefined): void {
    work?.catch((error) => {
      if (!this.#options.signal.aborted && !this.#isLeaving) this.#options.log.warn(failure, { error });
    });
  }
}

/** A connection is lost for any reason except an ended room and our own removal. */
export function lostReasonOf(reason: DisconnectReason): LostReason {
  if (reason === DisconnectReason.ROOM_DELETED || reason === DisconnectReason.ROOM_CLOSED) return "room_closed";
  return reason === DisconnectReason.PARTICIPANT_REMOVED ? "removed_from_room" : "connection_lost";
}

function fits(participant: RemoteParticipant, { identity, kind }: ParticipantFilter): boolean {
  if (identity !== undefined && participant.identity !== identity) return false;
  if (kind !== undefined) return participant.kind === kind;
  return participant.kind !== ParticipantKind.AGENT || identity !== undefined;
}

async function settledWithin(work: Promise<void>, limitMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}

/** Resolves as `work` does; rejects when the job ends or the time is over before. */
async function settledOrEnded(work: Promise<void>, signal: AbortSignal, limitMs: number): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const refuse = () => reject(signal.reason ?? new JobEndedError("shutdown"));
  const timer = setTimeout(() => reject(new Error(`Cannot join the room: no answer within ${limitMs} ms`)), limitMs);
  signal.addEventListener("abort", refuse);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", refuse);
    work.catch(() => {/* reported already, or no longer of interest */});
  }
}
