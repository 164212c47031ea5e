/**
 * Jobs that LiveKit could give to nobody, because all who take them were full (or away) just then: it asks once, and forgets
 * them (missed_jobs.ts). They go into our own queue, one dispatch each, and are placed when a slot is free.
 *
 *   an agent's worker here takes nothing ─▶ LiveKit's records of the rooms are looked at, and WATCH_FOR_MS after
 *   missed ──still so SETTLE_MS later, somebody there──▶ queued, as long as it is awaited (awaited_offers.ts)
 *
 * Each is queued once per LiveKit's dispatch and participant, whichever instances find it: an idempotency key decides, in the
 * statement that stores it. It is not stored while a job of the agent serves the participant, and LiveKit's assignment that
 * comes late is refused (livekit_intake.ts). What the agent's own `accept` does not want is left. LiveKit that can't be
 * asked gives no verdict.
 */
import type { Room } from "@livekit/protocol";
import type { Database } from "../../db/client.ts";
import { findDispatchByIdempotencyKey } from "../../db/dispatch_reads.ts";
import { insertQueuedDispatch, type NewDispatch } from "../../db/dispatches.ts";
import { wasServedSince } from "../../db/missed_offers.ts";
import type { AgentDescriptor } from "../agent/descriptor.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import { happeningOfParticipant } from "../livekit/room_happening.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { workerKeyOf } from "../worker/worker_match.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import { type MissedJob, missedJobs } from "./missed_jobs.ts";
import { newDispatchView } from "./new_views.ts";
import { type OfferedDispatch, offeredDispatch, recordInvalidOffer } from "./offered_dispatch.ts";

export interface MissedOffersOptions {
  database: Database;
  actor: string;
  /** Name of the LiveKit server in rows. */
  server: string;
  api: Pick<ServerApi, "listRooms" | "listDispatches" | "listParticipants">;
  catalog: Pick<AgentCatalog, "list" | "find">;
  /** Agents to whose workers here LiveKit can give nothing now. */
  notTaking: () => Iterable<string>;
  live: LiveDispatches;
  maxMetadataBytes: number;
  queueCapacity: number;
  /** A dispatch came into our queue. */
  onQueued: () => void;
  logger: Logger;
  nowMs?: () => number;
}

const LOOK_EVERY_MS = 2_000;
/** After its worker took nothing last: each room is asked once more, and what LiveKit dropped has settled. */
const WATCH_FOR_MS = 20_000;
/**
 * LiveKit has done with a job 3.2 s after it began, when it knows its workers (livekit.md 2.3), and may note only then who
 * has it (seen: after more than 2 s). What an instance of ours has been given is known sooner, by the database.
 */
const SETTLE_MS = 5_000;
/** LiveKit's clock and ours may differ. */
const CLOCK_MARGIN_MS = 5_000;
/** A room in which nothing was missed is asked again when people came or went, or after this. */
const TRUST_MS = 10_000;
/** Rooms per look, newest first; the others in the looks that follow. */
const MAX_ROOMS = 50;
/** Rooms asked at once. */
const CALLS = 8;
const MAX_DONE = 20_000;
/** Longer than any call. */
const KEEP_KEY_MS = 30 * 86_400_000;
const ACCEPT_TIMEOUT_MS = 200;

const CAUSE = "LiveKit had nobody to give the job to";
type UnservedDispatch = OfferedDispatch & { dispatch: NewDispatch & { unservedSince: Date } };

export class MissedOffers implements Service {
  readonly name = "missed-offers";
  readonly #options: MissedOffersOptions;
  readonly #nowMs: () => number;
  readonly #alarm = new Alarm();
  /** By agent: until when LiveKit's records are looked at for it. */
  readonly #watchedUntilMs = new Map<string, number>();
  /** Since when each missed job is seen. */
  #seenAtMs = new Map<string, number>();
  /** By room sid: how many people it had when nothing was missed there, and when that was. */
  #settled = new Map<string, { people: string; atMs: number }>();
  /** Missed jobs that are queued, or that the agent does not want. */
  readonly #done = new Set<string>();

  constructor(options: MissedOffersOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** LiveKit can give, or could not give, this agent's worker here a job. Cheap. */
  note(agent: string): void {
    this.#watchedUntilMs.set(agent, this.#nowMs() + WATCH_FOR_MS);
  }

  /** The same for all workers here that take nothing now. */
  noteAll(): void {
    for (const agent of this.#options.notTaking()) this.note(agent);
  }

  /** LiveKit has just offered this agent a job that it could not take. */
  declined(agent: string): void {
    this.note(agent);
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.debug("missed offers could not be looked for", { error });
    const task = () => this.lookOnce();
    await runEvery({ everyMs: LOOK_EVERY_MS, alarm: this.#alarm, signal, task, onError });
  }

  /** One look; returns how many were queued. Throws when database or LiveKit can't be asked. */
  async lookOnce(): Promise<number> {
    this.noteAll();
    const agents = this.#watched();
    return agents.length === 0 ? this.#forgetAll() : await this.#lookAround(agents);
  }

  #watched(): AgentDescriptor[] {
    const nowMs = this.#nowMs();
    for (const [agent, untilMs] of this.#watchedUntilMs) if (untilMs <= nowMs) this.#watchedUntilMs.delete(agent);
    return this.#options.catalog.list().flatMap(({ name, state, descriptor }) =>
      state === "ready" && descriptor && this.#watchedUntilMs.has(name) ? [descriptor] : []
    );
  }

  #forgetAll(): 0 {
    this.#seenAtMs.clear();
    this.#settled.clear();
    return 0;
  }

  async #lookAround(agents: readonly AgentDescriptor[]): Promise<number> {
    const rooms = await this.#options.api.listRooms();
    const nowMs = this.#nowMs();
    this.#settled = new Map([...this.#settled].filter(([sid]) => rooms.some((room) => room.sid === sid)));
    const asked = rooms.filter((room) => !this.#isSettled(room, nowMs))
      .sort((a, b) => Number(a.creationTimeMs - b.creationTimeMs)).slice(-MAX_ROOMS);
    const seen = new Map<string, number>();
    let queued = 0;
    const next = async () => {
      for (let room = asked.pop(); room !== undefined; room = asked.pop()) {
        queued += await this.#lookAt(room, agents, seen, nowMs);
      }
    };
    await Promise.all(Array.from({ length: CALLS }, next));
    this.#seenAtMs = seen;
    return queued;
  }

  async #lookAt(
    room: Room,
    agents: readonly AgentDescriptor[],
    seen: Map<string, number>,
    nowMs: number,
  ): Promise<number> {
    const { api } = this.#options;
    const records = await api.listDispatches(room.name);
    const mayBe = records.some(({ agentName }) => agents.some((agent) => workerKeyOf(agent).agentName === agentName));
    const participants = mayBe ? await api.listParticipants(room.name) : [];
    const missed = missedJobs({ records, participants }, agents).filter((each) => !this.#done.has(keyOf(each)));
    if (missed.length === 0) this.#settled.set(room.sid, { people: peopleOf(room), atMs: nowMs });
    let queued = 0;
    for (const each of missed) {
      const since = this.#seenAtMs.get(keyOf(each)) ?? nowMs;
      seen.set(keyOf(each), since);
      this.note(each.agent);
      if (each.isAwaited && nowMs - since >= SETTLE_MS && await this.#queue(each, room)) queued += 1;
    }
    return queued;
  }

  #isSettled(room: Room, nowMs: number): boolean {
    const settled = this.#settled.get(room.sid);
    return settled !== undefined && settled.people === peopleOf(room) && nowMs - settled.atMs < TRUST_MS;
  }

  /** False when it is not wanted, not now, or queued already. */
  async #queue(missed: MissedJob, room: Room): Promise<boolean> {
    const { database, server, actor, queueCapacity, live, onQueued, logger } = this.#options;
    const key = keyOf(missed);
    if (!await this.#isAccepted(missed, room)) {
      this.#noteDone(key);
      return false;
    }
    const at = new Date();
    const { dispatch, refusal } = await this.#dispatchOf(missed, room, at);
    const change = () => ({ changeId: crypto.randomUUID(), actor, cause: CAUSE, at });
    const once = { key: `missed ${server} ${key}`, bodyHash: "", expiresAt: new Date(at.getTime() + KEEP_KEY_MS) };
    const isQueued = await insertQueuedDispatch(database, dispatch, queueCapacity, change(), once);
    if (isQueued || await this.#isSettledFor(once.key, dispatch)) this.#noteDone(key);
    if (!isQueued) return false;
    const { id, agent, participantIdentity } = dispatch;
    const facts = { dispatch: id, agent, room: room.name, participant: participantIdentity };
    logger.info("what LiveKit had nobody to give to waits in our queue", facts);
    if (refusal !== null) await recordInvalidOffer(database, id, refusal, change());
    live.announce(newDispatchView(dispatch, at), { kind: "requested" });
    onQueued();
    return true;
  }

  async #dispatchOf({ agent, record, participant }: MissedJob, room: Room, at: Date): Promise<UnservedDispatch> {
    const { metadata, agentName, id: dispatchId } = record;
    const jobType = this.#options.catalog.find(agent)?.descriptor?.jobType ?? "room";
    const offer = { ...{ metadata, agentName, dispatchId, jobType }, room };
    const { dispatch, refusal } = await offeredDispatch(this.#options, { offer, reservation: { agent } }, at);
    const joinedAt = participant && happeningOfParticipant(room, participant).participant?.joinedAt;
    return {
      refusal,
      dispatch: {
        ...{ ...dispatch, placement: "direct" },
        livekitDispatchId: participant === null ? dispatchId : null,
        participantIdentity: participant?.identity ?? null,
        isAlone: participant !== null || agentName === "",
        unservedSince: new Date((joinedAt ?? at).getTime() - CLOCK_MARGIN_MS),
      },
    };
  }

  /** Stored before, or LiveKit has given it to an instance: not refused for now only (queue full, its last job still ends). */
  async #isSettledFor(key: string, dispatch: UnservedDispatch["dispatch"]): Promise<boolean> {
    const { database } = this.#options;
    return await findDispatchByIdempotencyKey(database, key) !== null || await wasServedSince(database, dispatch);
  }

  /** What the agent's own `accept` says, asked once: no answer is a no, as for an offer. */
  async #isAccepted({ agent, record, participant }: MissedJob, room: Room): Promise<boolean> {
    const entry = this.#options.catalog.find(agent);
    const { hooks, jobType = "room" } = entry?.descriptor ?? {};
    if (!entry || hooks?.accept !== true) return true;
    const { metadata, attributes } = record;
    const asked = { livekitJobId: "", participantIdentity: participant?.identity ?? null, room: room.name, jobType };
    const answer = await entry.hook("accept", { ...asked, metadata, attributes }, ACCEPT_TIMEOUT_MS);
    return answer.ok && answer.value === true;
  }

  #noteDone(key: string): void {
    this.#done.add(key);
    if (this.#done.size <= MAX_DONE) return;
    const [oldest] = this.#done;
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}

/** LiveKit starts a participant's job again when it comes back, under a new sid. */
function keyOf({ agent, record, participant }: MissedJob): string {
  return `${record.id} ${agent} ${participant?.sid ?? ""}`;
}

function peopleOf({ numParticipants, numPublishers }: Room): string {
  return `${numParticipants} ${numPublishers}`;
}
