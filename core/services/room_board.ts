/**
 * The live rooms of the LiveKit server, read in one place however many look: an answer is at most FRESH_MS old, and there
 * is never more than one reading at a time. While somebody listens to `rooms` it is read every WATCH_EVERY_MS, and a change
 * is told. A server that can't be reached is told as such, with what was seen last: never as "no rooms".
 */
import { type ParticipantInfo, ParticipantInfo_Kind, ParticipantInfo_State, type Room } from "@livekit/protocol";
import type { Database } from "../../db/client.ts";
import { listDispatchesOfRooms, listJobsOfDispatchIds, type RoomDispatch, type RoomJob } from "../../db/room_reads.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { LivekitApiError } from "../livekit/api_error.ts";
import type { LivekitServer } from "../livekit/livekit_server.ts";
import { createServerApi, type ServerApi } from "../livekit/server_api.ts";
import type { Hub } from "../updates/hub.ts";
import { type ParticipantKind, type RoomParticipant, type RoomView, viewRoom } from "./room_view.ts";

const FRESH_MS = 2_000;
const WATCH_EVERY_MS = 2_500;
/** A count of rooms, which stands beside the navigation. */
const COUNT_FRESH_MS = 10_000;
/** Rooms that are shown; the server may have more. */
export const MAX_ROOMS = 500;
/** Rooms whose participants are asked for, one call each, and how many calls run at once. */
const MAX_DETAILED = 200;
const DETAIL_CALLS = 8;
/** A page does not wait longer for one answer of the server. */
const MAX_CALL_MS = 2_000;

export type RoomBoard =
  & { at: string }
  & (
    | { livekit: "reachable"; rooms: RoomView[]; total: number }
    | { livekit: "unreachable"; error: string; remedy: string; last: { at: string; total: number } | null }
  );

export interface RoomWatchOptions {
  livekit: LivekitServer;
  database: Database;
  hub: Hub;
  requestTimeoutMs: number;
  logger: Logger;
}

export class RoomWatch implements Service {
  readonly name = "rooms";
  readonly #options: RoomWatchOptions;
  #reading: Promise<RoomBoard> | null = null;
  #latest: { board: RoomBoard; readAtMs: number } | null = null;
  #lastSeen: { at: string; total: number } | null = null;
  #counted: { total: number | null; readAtMs: number } | null = null;
  #told = "";

  constructor(options: RoomWatchOptions) {
    this.#options = options;
  }

  /** At most FRESH_MS old. Throws when the database can't be asked. */
  read(): Promise<RoomBoard> {
    if (this.#latest && performance.now() - this.#latest.readAtMs < FRESH_MS) {
      return Promise.resolve(this.#latest.board);
    }
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    return this.#reading;
  }

  /** Rooms of the server, at most COUNT_FRESH_MS old; null: not known. Never throws. */
  async count(): Promise<number | null> {
    if (this.#counted && performance.now() - this.#counted.readAtMs < COUNT_FRESH_MS) return this.#counted.total;
    let total: number | null = null;
    try {
      total = (await this.#api().listRooms()).length;
    } catch (error) {
      this.#options.logger.debug("rooms could not be counted", { error });
    }
    this.#counted = { total, readAtMs: performance.now() };
    return total;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { hub, logger } = this.#options;
    const task = async () => {
      if (!hub.hasSubscribers("rooms")) return;
      const board = await this.read();
      const { at: _at, ...shown } = board;
      const text = JSON.stringify(shown);
      if (text === this.#told) return;
      this.#told = text;
      hub.publish("rooms", "rooms", { at: board.at });
    };
    const onError = (error: unknown) => logger.warn("rooms could not be read", { error });
    await runEvery({ everyMs: WATCH_EVERY_MS, signal, task, onError });
  }

  async #read(): Promise<RoomBoard> {
    const board = await this.#readBoard();
    const readAtMs = performance.now();
    this.#latest = { board, readAtMs };
    if (board.livekit === "reachable") this.#lastSeen = { at: board.at, total: board.total };
    this.#counted = { total: board.livekit === "reachable" ? board.total : null, readAtMs };
    return board;
  }

  async #readBoard(): Promise<RoomBoard> {
    const { database, livekit } = this.#options;
    const api = this.#api();
    let all: Room[];
    try {
      all = await api.listRooms();
    } catch (error) {
      if (!(error instanceof LivekitApiError)) throw error;
      const { message, remedy } = error;
      return { at: new Date().toISOString(), livekit: "unreachable", error: message, remedy, last: this.#lastSeen };
    }
    const shown = all.toSorted((a, b) => openedMs(a) - openedMs(b) || (a.name < b.name ? -1 : 1)).slice(0, MAX_ROOMS);
    const names = shown.map(({ name }) => name);
    const dispatches = await listDispatchesOfRooms(database, { server: livekit.name, rooms: names });
    const [jobs, participants] = await Promise.all([
      listJobsOfDispatchIds(database, dispatches.map(({ id }) => id)),
      this.#participantsOf(api, askedFirst(shown, dispatches)),
    ]);
    const now = new Date();
    const rooms = shown.map((room) => viewRoom(factsOf(room, { dispatches, jobs, participants }), now));
    return { at: now.toISOString(), livekit: "reachable", rooms, total: all.length };
  }

  /** Rooms that could not be asked are missing in the answer. */
  async #participantsOf(api: ServerApi, names: string[]): Promise<Map<string, RoomParticipant[]>> {
    const found = new Map<string, RoomParticipant[]>();
    const waiting = names.values();
    const ask = async () => {
      for (const name of waiting) {
        try {
          found.set(name, (await api.listParticipants(name)).filter(isThere).map(viewParticipant));
        } catch (error) {
          this.#options.logger.debug("a room's participants could not be read", { room: name, error });
        }
      }
    };
    await Promise.all(Array.from({ length: DETAIL_CALLS }, ask));
    return found;
  }

  #api(): ServerApi {
    const { livekit, requestTimeoutMs } = this.#options;
    const timeoutMs = Math.min(requestTimeoutMs, MAX_CALL_MS);
    return createServerApi({ url: livekit.url, ...livekit.credentials(), timeoutMs });
  }
}

/** Names of the rooms whose participants are asked for: those with dispatches of ours first. */
function askedFirst(rooms: readonly Room[], dispatches: readonly RoomDispatch[]): string[] {
  const ours = new Set(dispatches.filter(({ endedAt }) => endedAt === null).map(({ room }) => room));
  const names = rooms.map(({ name }) => name);
  return [...names.filter((name) => ours.has(name)), ...names.filter((name) => !ours.has(name))].slice(0, MAX_DETAILED);
}

function factsOf(
  room: Room,
  { dispatches, jobs, participants }: {
    dispatches: readonly RoomDispatch[];
    jobs: readonly RoomJob[];
    participants: ReadonlyMap<string, RoomParticipant[]>;
  },
) {
  const own = dispatches.filter((dispatch) => dispatch.room === room.name);
  const ids = new Set(own.map(({ id }) => id));
  return {
    name: room.name,
    openedAt: new Date(openedMs(room)).toISOString(),
    participantCount: room.numParticipants,
    participants: participants.get(room.name) ?? (room.numParticipants === 0 ? [] : null),
    dispatches: own,
    jobs: jobs.filter(({ dispatchId }) => ids.has(dispatchId)),
  };
}

function openedMs({ creationTimeMs, creationTime }: Room): number {
  return creationTimeMs > 0n ? Number(creationTimeMs) : Number(creationTime) * 1_000;
}

function isThere({ state }: ParticipantInfo): boolean {
  return state !== ParticipantInfo_State.DISCONNECTED;
}

const KINDS: Partial<Record<ParticipantInfo_Kind, ParticipantKind>> = {
  [ParticipantInfo_Kind.STANDARD]: "standard",
  [ParticipantInfo_Kind.SIP]: "sip",
  [ParticipantInfo_Kind.AGENT]: "agent",
  [ParticipantInfo_Kind.INGRESS]: "ingress",
  [ParticipantInfo_Kind.EGRESS]: "egress",
  [ParticipantInfo_Kind.CONNECTOR]: "connector",
  [ParticipantInfo_Kind.BRIDGE]: "bridge",
};

function viewParticipant({ identity, name, kind, permission, joinedAt, joinedAtMs }: ParticipantInfo): RoomParticipant {
  const joinedMs = joinedAtMs > 0n ? Number(joinedAtMs) : Number(joinedAt) * 1_000;
  return {
    identity,
    name,
    kind: KINDS[kind] ?? "other",
    isHidden: permission?.hidden ?? false,
    joinedAt: new Date(joinedMs).toISOString(),
  };
}
