/**
 * Dispatches that LiveKit's server places (`placement: livekit`): we call CreateDispatch with our dispatch's id as an
 * attribute, which comes back in the offer and the assignment, and watch that an assignment follows.
 *
 *   predicted: a worker would take it ──▶ CreateDispatch ── assigned, here or elsewhere ──▶ placed
 *       │                                  ├─ offered to a worker without room, here or elsewhere ─┐ it waits in our own queue,
 *       │                                  ├─ not assigned within assignTimeoutMs ─────────────────┤ placed directly when a slot
 *       └─ none would ─────────────────────┴───────────────────────────────────────────────────────▶ is free
 *
 * CreateDispatch answers 200 before any worker was asked, and the server drops a dispatch silently when nobody takes it, and
 * never tries again (livekit.md 5.5); a dispatch that was accepted must not be lost by that. Why it was moved is in its
 * history. It fails only when the agent itself said no, or LiveKit refused the call. Jobs of participant and publisher
 * agents begin only when somebody comes, so for them nothing is predicted and nothing timed. A placement whose watcher died
 * is moved by any instance (abandoned_placements.ts). Of an assignment and a move, the database lets one happen, whichever
 * instances they come from; only what was moved has its dispatch at LiveKit deleted, because that would end the job.
 */
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { WAITING_FOR_PARTICIPANT } from "../../db/dispatches.ts";
import { failUnplaced, noteLivekitAsked, queueUnplaced } from "../../db/livekit_placements.ts";
import { waitForParticipant } from "../../db/standing_dispatches.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { LivekitApiError } from "../livekit/api_error.ts";
import { OFFER_AGENT_ATTRIBUTE, type OfferedJob } from "../livekit/job_offer.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import type { Decline } from "../worker/agent_worker.ts";
import {
  explainMatch,
  matchWorker,
  type RegisteredWorker,
  type WantedWorker,
  type WorkerMatch,
} from "../worker/worker_match.ts";
import type { DispatchChange } from "./dispatch_updates.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { callFailure, declinedByAgent, type PlacementFailure } from "./placement_failure.ts";

/**
 * With its names cached the server needs 3.2 s at most (livekit.md 2.3). One that has to learn them first may need 5 s more:
 * our own queue is quicker then.
 */
const ASSIGN_TIMEOUT_MS = 3_500;
/** Beyond the time that LiveKit has, for what its watcher does then. */
const WATCH_MARGIN_MS = 10_000;
const NOT_TAKEN = "not_taken_by_livekit";
/** Calls that failed, and may succeed later. */
const PASSING: readonly string[] = ["unreachable", "timeout", "server"];

export interface LivekitPlacementOptions {
  database: Database;
  api: ServerApi;
  live: LiveDispatches;
  actor: string;
  logger: Logger;
  assignTimeoutMs?: number;
  workers?: WorkerDirectory;
  /** A dispatch came into our own queue. */
  onQueued?: () => void;
}

/** The workers of the fleet, as LiveKit knows them. */
export interface WorkerDirectory {
  /** What a dispatch of this agent has to ask LiveKit for. */
  wanted(agent: string): Promise<WantedWorker>;
  registered(): Promise<RegisteredWorker[]>;
}

/** A dispatch that LiveKit is to place. */
interface Target {
  readonly id: string;
  readonly room: string;
  /** Null: nobody here follows it. */
  readonly live: LiveDispatch | null;
  /** Null: none, or not known yet. */
  livekitDispatchId: string | null;
}

interface Watch extends Target {
  readonly live: LiveDispatch;
  /** LiveKit starts a job for each participant, now and later: one that is declined says nothing of the others. */
  isStanding: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Workers here that gave no answer. */
  declines: string[];
}

export class LivekitPlacement {
  readonly #options: LivekitPlacementOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: LivekitPlacementOptions) {
    this.#options = options;
  }

  /** Hands a stored, queued dispatch to LiveKit. Never throws: what goes wrong moves or ends the dispatch. */
  place(live: LiveDispatch): void {
    const { id, room } = live.view;
    const watch: Watch = {
      ...{ id, room, live, isStanding: false, livekitDispatchId: null, timer: undefined, declines: [] },
    };
    this.#watches.set(id, watch);
    void this.#ask(watch);
  }

  /** The assignment came, to this instance: stop watching. */
  assigned(dispatchId: string): void {
    this.#stopWatching(dispatchId);
  }

  /**
   * A worker of this instance declined an offer, whichever instance had asked LiveKit: one of ours for a room goes on in our
   * queue, or fails when the agent itself said no. What others might have been asked next does not matter: our queue finds
   * a free slot sooner.
   */
  declined({ attributes, participant, room, dispatchId: livekitDispatchId }: OfferedJob, decline: Decline): void {
    const id = attributes[DISPATCH_ATTRIBUTE];
    if (id === undefined || participant !== null || decline.kind === "not_meant") return;
    const { kind, reason } = decline;
    const watch = this.#watches.get(id);
    // The agent's own word is waited for elsewhere, as long as LiveKit asks.
    if (kind === "no_answer") return void watch?.declines.push(reason);
    const target = watch ?? { id, room: room.name, live: this.#options.live.find(id), livekitDispatchId };
    target.livekitDispatchId ??= livekitDispatchId;
    const why = `LiveKit offered it to a worker that had no room: ${reason}.`;
    void (kind === "agent" ? this.#end(target, declinedByAgent(reason)) : this.#queue(target, NOT_TAKEN, why));
  }

  /** The dispatch was cancelled before it was assigned: LiveKit's is deleted too. */
  async withdraw(dispatchId: string): Promise<void> {
    const watch = this.#stopWatching(dispatchId);
    if (watch) await this.#forget(watch);
  }

  /** Stops all timers, at the end of the program. */
  stop(): void {
    for (const id of [...this.#watches.keys()]) this.#stopWatching(id);
  }

  /** Would a worker take it? If so LiveKit is asked, else it is moved at once. Never rejects. */
  async #ask(watch: Watch): Promise<void> {
    const { view } = watch.live;
    try {
      const wanted = await this.#wanted(view.agent);
      watch.isStanding = wanted.jobType !== undefined && wanted.jobType !== "room";
      const match = watch.isStanding ? null : await this.#match(wanted);
      const why = match === null ? null : explainMatch(wanted, match);
      if (match !== null && why !== null) return await this.#queue(watch, reasonOf(match), why);
      await this.#create(watch, wanted);
    } catch (error) {
      const isPassing = error instanceof LivekitApiError && PASSING.includes(error.kind);
      if (!isPassing) return await this.#end(watch, callFailure(error));
      await this.#queue(watch, "livekit_unreachable", `LiveKit could not be asked: ${error.message}`);
    }
  }

  async #create(watch: Watch, wanted: WantedWorker): Promise<void> {
    const { isStanding, live: { view } } = watch;
    const { api, database, assignTimeoutMs = ASSIGN_TIMEOUT_MS } = this.#options;
    if (!this.#isWatched(watch)) return;
    if (!isStanding) watch.timer = setTimeout(() => void this.#dropped(watch, assignTimeoutMs), assignTimeoutMs);
    const created = await api.createDispatch({
      agentName: wanted.agentName,
      deployment: wanted.deployment,
      room: view.room,
      metadata: textOf(view.metadata),
      attributes: { [DISPATCH_ATTRIBUTE]: view.id, [OFFER_AGENT_ATTRIBUTE]: view.agent },
    });
    watch.livekitDispatchId = created.id;
    // Moved, or cancelled, while the call was on its way.
    if (!this.#isWatched(watch) && view.jobs.length === 0) return await this.#forget(watch);
    await noteLivekitAsked(database, view.id, created.id, assignTimeoutMs + WATCH_MARGIN_MS);
    if (!isStanding) return;
    await waitForParticipant(database, view.id);
    if (view.state === "queued") watch.live.waits(WAITING_FOR_PARTICIPANT);
  }

  /** Nobody here was told of an assignment: another instance may have it, which the move finds out. */
  async #dropped(watch: Watch, waitedMs: number): Promise<void> {
    if (!this.#isWatched(watch)) return;
    const said = watch.declines.length === 0 ? "" : ` Here it was declined: ${watch.declines.join(", ")}.`;
    await this.#queue(watch, NOT_TAKEN, `LiveKit assigned it to nobody within ${waitedMs} ms.${said}`);
  }

  /** Into our own queue. Never rejects: what the database does not take is done by abandoned_placements.ts. */
  async #queue(target: Target, waitingReason: string, why: string): Promise<void> {
    const { database, actor, logger, onQueued } = this.#options;
    this.#stopWatching(target.id);
    try {
      const change = { changeId: crypto.randomUUID(), actor, cause: why, at: new Date() };
      if (!await queueUnplaced(database, target.id, waitingReason, change)) return;
      logger.info("a dispatch that LiveKit would not place waits in our queue", { ...factsOf(target), why });
      if (target.live) target.live.movesToQueue(waitingReason);
      else await this.#announce(target, { kind: "waits" });
      onQueued?.();
      await this.#forget(target);
    } catch (error) {
      this.#warn("could not queue a dispatch that LiveKit did not place", target, error);
    } finally {
      this.#options.live.forgetIfIdle(target.id);
    }
  }

  async #end(target: Target, failure: PlacementFailure): Promise<void> {
    const { database, actor, logger } = this.#options;
    this.#stopWatching(target.id);
    const at = new Date();
    try {
      const change = { changeId: crypto.randomUUID(), actor, cause: failure.code, at };
      if (!await failUnplaced(database, target.id, failure, change)) return;
      if (target.live) target.live.ended("failed", at, failure);
      else await this.#announce(target, { kind: "ended" });
      logger.warn("LiveKit did not place a dispatch", { ...factsOf(target), ...failure });
      await this.#forget(target);
    } catch (error) {
      this.#warn("could not end a dispatch that LiveKit did not place", target, error);
    } finally {
      this.#options.live.forgetIfIdle(target.id);
    }
  }

  /** Tells of what another instance had asked for. */
  async #announce({ id }: Target, change: DispatchChange): Promise<void> {
    const found = await findDispatch(this.#options.database, id);
    if (found) this.#options.live.announce(viewOfDispatch(found), change);
  }

  /** Deletes LiveKit's dispatch, so that nobody is given it any more. Never rejects. */
  async #forget(target: Target): Promise<void> {
    const { livekitDispatchId, room } = target;
    if (livekitDispatchId === null || livekitDispatchId === "") return;
    target.livekitDispatchId = null;
    await this.#options.api.deleteDispatch(room, livekitDispatchId).catch((error) =>
      this.#warn("could not delete LiveKit's dispatch", target, error)
    );
  }

  #wanted(agent: string): Promise<WantedWorker> {
    return this.#options.workers?.wanted(agent) ?? Promise.resolve({ agentName: agent, deployment: "" });
  }

  async #match(wanted: WantedWorker): Promise<WorkerMatch> {
    return matchWorker(wanted, await this.#options.workers?.registered() ?? []);
  }

  #isWatched(watch: Watch): boolean {
    return this.#watches.get(watch.id) === watch;
  }

  #stopWatching(dispatchId: string): Watch | null {
    const watch = this.#watches.get(dispatchId) ?? null;
    clearTimeout(watch?.timer);
    this.#watches.delete(dispatchId);
    return watch;
  }

  #warn(message: string, target: Target, error: unknown): void {
    this.#options.logger.warn(message, { ...factsOf(target), error });
  }
}

function factsOf({ id, room, livekitDispatchId }: Target) {
  return { dispatch: id, room, livekitDispatch: livekitDispatchId };
}

/** Why it waits in our queue: for somebody who hosts the agent, or for a slot. */
function reasonOf({ kind }: WorkerMatch): string {
  return kind === "none" || kind === "mismatch" ? "agent_not_hosted" : NOT_TAKEN;
}

function textOf(metadata: unknown): string {
  if (metadata === null) return "";
  return typeof metadata === "string" ? metadata : JSON.stringify(metadata);
}
