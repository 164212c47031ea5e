/**
 * Dispatches that LiveKit's server places (`placement: livekit`): we call CreateDispatch with our dispatch's id as an
 * attribute, which comes back in the offer and the assignment, and watch that an assignment follows.
 *
 *   predicted: a worker would take it ──▶ CreateDispatch ── assigned ──▶ placed
 *       │                                  └─ dropped (declined by all, or not assigned within assignTimeoutMs):
 *       │                                       LiveKit's dispatch is deleted; asked once more, if one would take it now;
 *       └─ none would ──────────────────────────▶ else it waits in our own queue, placed directly when a slot is free
 *
 * CreateDispatch answers 200 before any worker was asked, and the server drops a dispatch silently when nobody takes it, and
 * never tries again (livekit.md 5.5); a dispatch that was accepted must not be lost by that. Why it was moved is in its
 * history. It fails only when the agent itself said no, or LiveKit refused the call. Jobs of participant and publisher
 * agents begin only when somebody comes, so for them nothing is predicted and nothing timed. A placement whose watcher died
 * is moved by any instance (abandoned_placements.ts). Of a late assignment and a move, the database lets one happen.
 */
import type { Database } from "../../db/client.ts";
import { endWaitingDispatch, WAITING_FOR_PARTICIPANT } from "../../db/dispatches.ts";
import { noteLivekitAsked, queueUnplaced } from "../../db/livekit_placements.ts";
import { waitForParticipant } from "../../db/standing_dispatches.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { LivekitApiError } from "../livekit/api_error.ts";
import { OFFER_AGENT_ATTRIBUTE } from "../livekit/job_offer.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import {
  explainMatch,
  matchWorker,
  type RegisteredWorker,
  type WantedWorker,
  type WorkerMatch,
} from "../worker/worker_match.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { callFailure, declinedByAgent, type PlacementFailure } from "./placement_failure.ts";

/** 5 s for the server to learn its workers' names when its cache is cold, 3 s for one offer (livekit.md 2.3). */
const ASSIGN_TIMEOUT_MS = 8_500;
/** With its names cached the server needs 3.2 s at most: when no worker would take it by then, it was dropped. */
const EARLY_LOOK_MS = 3_500;
/** CreateDispatch calls for one dispatch: what is dropped though a worker would take it was a race of the server. */
const MAX_CALLS = 2;
/** Beyond the time that LiveKit has, for what its watcher does then. */
const WATCH_MARGIN_MS = 10_000;
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

interface Watch {
  readonly live: LiveDispatch;
  /** LiveKit starts a job for each participant, now and later: one that is declined says nothing of the others. */
  isStanding: boolean;
  calls: number;
  livekitDispatchId: string | null;
  timers: ReturnType<typeof setTimeout>[];
  /** Workers here that said no to the present call. */
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
    const watch: Watch = {
      ...{ live, isStanding: false, calls: 0, livekitDispatchId: null, timers: [], declines: [] },
    };
    this.#watches.set(live.view.id, watch);
    void this.#ask(watch);
  }

  /** The assignment came: stop watching. */
  assigned(dispatchId: string): void {
    this.#stopWatching(dispatchId);
  }

  /** A worker of this instance declined the offer. `isByAgent`: the agent's own `accept` said no, which is respected. */
  declined(dispatchId: string, reason: string, isByAgent: boolean): void {
    const watch = this.#watches.get(dispatchId);
    if (!watch || watch.isStanding) return;
    watch.declines.push(reason);
    void (isByAgent ? this.#end(watch, declinedByAgent(reason)) : this.#lookAgain(watch));
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
    watch.calls += 1;
    watch.declines = [];
    if (!isStanding) {
      watch.timers = [
        setTimeout(() => void this.#lookAgain(watch), EARLY_LOOK_MS),
        setTimeout(() => void this.#dropped(watch, assignTimeoutMs), assignTimeoutMs),
      ];
    }
    const created = await api.createDispatch({
      agentName: wanted.agentName,
      deployment: wanted.deployment,
      room: view.room,
      metadata: textOf(view.metadata),
      attributes: { [DISPATCH_ATTRIBUTE]: view.id, [OFFER_AGENT_ATTRIBUTE]: view.agent },
    });
    watch.livekitDispatchId = created.id;
    // Declined, or cancelled, while the call was on its way.
    if (!this.#isWatched(watch) && view.jobs.length === 0) return await this.#forget(watch);
    await noteLivekitAsked(database, view.id, created.id, assignTimeoutMs + WATCH_MARGIN_MS);
    if (!isStanding) return;
    await waitForParticipant(database, view.id);
    if (view.state === "queued") watch.live.waits(WAITING_FOR_PARTICIPANT);
  }

  /** Without a worker that would take it now, LiveKit has dropped it, or is about to: it never asks again (livekit.md 3). */
  async #lookAgain(watch: Watch): Promise<void> {
    try {
      const wanted = await this.#wanted(watch.live.view.agent);
      const match = await this.#match(wanted);
      const why = explainMatch(wanted, match);
      if (why === null || !this.#isWatched(watch)) return; // others may have been asked: the time decides
      const said = watch.declines.length === 0 ? "" : `Its offer was declined (${watch.declines.join(", ")}). `;
      await this.#queue(watch, reasonOf(match), said + why);
    } catch (error) {
      this.#warn("could not look at a dispatch that LiveKit is to place", watch, error);
    }
  }

  async #dropped(watch: Watch, waitedMs: number): Promise<void> {
    if (!this.#isWatched(watch)) return;
    const said = watch.declines.length === 0 ? "" : ` Here it was declined: ${watch.declines.join(", ")}.`;
    const message = `LiveKit assigned it to nobody within ${waitedMs} ms.${said}`;
    this.#options.logger.warn("LiveKit dropped a dispatch", { ...factsOf(watch), calls: watch.calls, message });
    await this.#forget(watch);
    if (watch.calls < MAX_CALLS && this.#isWatched(watch)) return await this.#ask(watch);
    await this.#queue(watch, "not_taken_by_livekit", message);
  }

  /** Into our own queue. Never rejects: what the database does not take is done by abandoned_placements.ts. */
  async #queue(watch: Watch, waitingReason: string, why: string): Promise<void> {
    const { database, actor, logger, onQueued } = this.#options;
    const { live } = watch;
    this.#stopWatching(live.view.id);
    try {
      const change = { changeId: crypto.randomUUID(), actor, cause: why, at: new Date() };
      if (!await queueUnplaced(database, live.view.id, waitingReason, change)) return;
      logger.info("a dispatch that LiveKit would not place waits in our queue", { ...factsOf(watch), why });
      live.movesToQueue(waitingReason);
      onQueued?.();
      await this.#forget(watch);
    } catch (error) {
      this.#warn("could not queue a dispatch that LiveKit did not place", watch, error);
    } finally {
      this.#options.live.forgetIfIdle(live.view.id);
    }
  }

  async #end(watch: Watch, failure: PlacementFailure): Promise<void> {
    const { database, actor, logger } = this.#options;
    const { live } = watch;
    this.#stopWatching(live.view.id);
    const at = new Date();
    try {
      const change = { changeId: crypto.randomUUID(), actor, cause: failure.code, at };
      if (!await endWaitingDispatch(database, live.view.id, "failed", failure, change)) return;
      live.ended("failed", at, failure);
      logger.warn("LiveKit did not place a dispatch", { ...factsOf(watch), ...failure });
      await this.#forget(watch);
    } catch (error) {
      this.#warn("could not end a dispatch that LiveKit did not place", watch, error);
    } finally {
      this.#options.live.forgetIfIdle(live.view.id);
    }
  }

  /** Deletes LiveKit's dispatch, so that nobody is given it any more. Never rejects. */
  async #forget(watch: Watch): Promise<void> {
    const { livekitDispatchId, live: { view } } = watch;
    if (livekitDispatchId === null) return;
    watch.livekitDispatchId = null;
    await this.#options.api.deleteDispatch(view.room, livekitDispatchId).catch((error) =>
      this.#warn("could not delete LiveKit's dispatch", watch, error)
    );
  }

  #wanted(agent: string): Promise<WantedWorker> {
    return this.#options.workers?.wanted(agent) ?? Promise.resolve({ agentName: agent, deployment: "" });
  }

  async #match(wanted: WantedWorker): Promise<WorkerMatch> {
    return matchWorker(wanted, await this.#options.workers?.registered() ?? []);
  }

  #isWatched(watch: Watch): boolean {
    return this.#watches.get(watch.live.view.id) === watch;
  }

  #stopWatching(dispatchId: string): Watch | null {
    const watch = this.#watches.get(dispatchId) ?? null;
    watch?.timers.forEach((timer) => clearTimeout(timer));
    this.#watches.delete(dispatchId);
    return watch;
  }

  #warn(message: string, watch: Watch, error: unknown): void {
    this.#options.logger.warn(message, { ...factsOf(watch), error });
  }
}

function factsOf({ live: { view }, livekitDispatchId }: Watch) {
  return { dispatch: view.id, room: view.room, agent: view.agent, livekitDispatch: livekitDispatchId };
}

/** Why it waits in our queue: for somebody who hosts the agent, or for a slot. */
function reasonOf({ kind }: WorkerMatch): string {
  return kind === "none" || kind === "mismatch" ? "agent_not_hosted" : "not_taken_by_livekit";
}

function textOf(metadata: unknown): string {
  if (metadata === null) return "";
  return typeof metadata === "string" ? metadata : JSON.stringify(metadata);
}
