/**
 * Dispatches that LiveKit's server places (`placement: livekit`): we call CreateDispatch with our dispatch's id as an
 * attribute, which comes back in the offer and the assignment, and watch that an assignment follows.
 *
 * CreateDispatch answers 200 before any worker was asked, and the server drops a dispatch silently when nobody takes it
 * (livekit.md 5.5): no assignment within `ASSIGN_TIMEOUT_MS` ends ours as failed, with the worker that comes nearest, and
 * deletes theirs. Jobs of participant and publisher agents begin only when somebody comes, so for them nothing is timed.
 */
import type { Database } from "../../db/client.ts";
import { endWaitingDispatch, noteLivekitDispatchId, WAITING_FOR_PARTICIPANT } from "../../db/dispatches.ts";
import { waitForParticipant } from "../../db/standing_dispatches.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { LivekitApiError } from "../livekit/api_error.ts";
import { OFFER_AGENT_ATTRIBUTE } from "../livekit/job_offer.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import { explainMatch, matchWorker, type RegisteredWorker, type WantedWorker } from "../worker/worker_match.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";

/** 5 s for the server to learn its workers' names when its cache is cold, 3 s for one offer (livekit.md 2.3). */
const ASSIGN_TIMEOUT_MS = 8_500;

export interface LivekitPlacementOptions {
  database: Database;
  api: ServerApi;
  live: LiveDispatches;
  actor: string;
  logger: Logger;
  assignTimeoutMs?: number;
  workers?: WorkerDirectory;
}

/** The workers of the fleet, as LiveKit knows them. */
export interface WorkerDirectory {
  /** What a dispatch of this agent has to ask LiveKit for. */
  wanted(agent: string): Promise<WantedWorker>;
  registered(): Promise<RegisteredWorker[]>;
}

interface Watch {
  room: string;
  livekitDispatchId: string | null;
  timer: ReturnType<typeof setTimeout> | undefined;
}

interface Failure {
  code: string;
  message: string;
  remedy: string;
}

export class LivekitPlacement {
  readonly #options: LivekitPlacementOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: LivekitPlacementOptions) {
    this.#options = options;
  }

  /** Hands a stored, queued dispatch to LiveKit. What goes wrong ends the dispatch; nothing is thrown. */
  place(live: LiveDispatch): void {
    const assignTimeoutMs = this.#options.assignTimeoutMs ?? ASSIGN_TIMEOUT_MS;
    const timer = setTimeout(() => void this.#giveUpUnassigned(live, assignTimeoutMs), assignTimeoutMs);
    this.#watches.set(live.view.id, { room: live.view.room, livekitDispatchId: null, timer });
    void this.#create(live).catch((error) => this.#giveUp(live, failureOf(error)));
  }

  /** The assignment came: stop watching. */
  assigned(dispatchId: string): void {
    this.#stopWatching(dispatchId);
  }

  /** The dispatch was cancelled before it was assigned: LiveKit's is deleted too. */
  async withdraw(dispatchId: string): Promise<void> {
    const watch = this.#stopWatching(dispatchId);
    if (watch?.livekitDispatchId) await this.#delete(watch.room, watch.livekitDispatchId);
  }

  /** Stops all timers, at the end of the program. */
  stop(): void {
    for (const id of [...this.#watches.keys()]) this.#stopWatching(id);
  }

  async #create(live: LiveDispatch): Promise<void> {
    const { view } = live;
    const metadata = view.metadata === null
      ? ""
      : typeof view.metadata === "string"
      ? view.metadata
      : JSON.stringify(view.metadata);
    const wanted = await this.#wanted(view.agent);
    const created = await this.#options.api.createDispatch({
      agentName: wanted.agentName,
      deployment: wanted.deployment,
      room: view.room,
      metadata,
      attributes: { [DISPATCH_ATTRIBUTE]: view.id, [OFFER_AGENT_ATTRIBUTE]: view.agent },
    });
    const watch = this.#watches.get(view.id);
    if (watch) watch.livekitDispatchId = created.id;
    await noteLivekitDispatchId(this.#options.database, view.id, created.id);
    if (wanted.jobType === undefined || wanted.jobType === "room") return;
    clearTimeout(watch?.timer);
    await waitForParticipant(this.#options.database, view.id);
    if (view.state === "queued") live.waits(WAITING_FOR_PARTICIPANT);
  }

  #wanted(agent: string): Promise<WantedWorker> {
    return this.#options.workers?.wanted(agent) ?? Promise.resolve({ agentName: agent, deployment: "" });
  }

  async #giveUpUnassigned(live: LiveDispatch, waitedMs: number): Promise<void> {
    await this.#giveUp(live, notAssigned(waitedMs, await this.#mismatchOf(live.view.agent)));
  }

  /** Why no worker took it, as far as we can see; null: there was one that could. */
  async #mismatchOf(agent: string): Promise<string | null> {
    try {
      const [wanted, workers] = await Promise.all([this.#wanted(agent), this.#options.workers?.registered() ?? []]);
      return explainMatch(wanted, matchWorker(wanted, workers));
    } catch (error) {
      this.#options.logger.warn("could not look for the nearest worker", { agent, error });
      return null;
    }
  }

  async #giveUp(live: LiveDispatch, failure: Failure): Promise<void> {
    const { database, actor, logger } = this.#options;
    const watch = this.#stopWatching(live.view.id);
    const at = new Date();
    try {
      const change = { changeId: crypto.randomUUID(), actor, cause: failure.code, at };
      if (!await endWaitingDispatch(database, live.view.id, "failed", failure, change)) return;
      live.ended("failed", at, failure);
      logger.warn("LiveKit did not place a dispatch", { dispatch: live.view.id, room: live.view.room, ...failure });
      if (watch?.livekitDispatchId) await this.#delete(watch.room, watch.livekitDispatchId);
    } catch (error) {
      logger.error("could not end a dispatch that LiveKit did not place", { dispatch: live.view.id, error });
    } finally {
      this.#options.live.forgetIfIdle(live.view.id);
    }
  }

  async #delete(room: string, livekitDispatchId: string): Promise<void> {
    try {
      await this.#options.api.deleteDispatch(room, livekitDispatchId);
    } catch (error) {
      this.#options.logger.warn("could not delete LiveKit's dispatch", {
        room,
        livekitDispatch: livekitDispatchId,
        error,
      });
    }
  }

  #stopWatching(dispatchId: string): Watch | null {
    const watch = this.#watches.get(dispatchId) ?? null;
    if (watch) clearTimeout(watch.timer);
    this.#watches.delete(dispatchId);
    return watch;
  }
}

function notAssigned(waitedMs: number, mismatch: string | null): Failure {
  const message = `LiveKit took the dispatch but offered its job to no worker that accepted within ${waitedMs} ms.`;
  return {
    code: "not_assigned_by_livekit",
    message: mismatch === null ? message : `${message} ${mismatch}`,
    remedy:
      "See GET /api/v1/workers: is a worker of this agent registered, with a slot free? Then retry; placement direct does not depend on LiveKit's choice.",
  };
}

function failureOf(error: unknown): Failure {
  if (error instanceof LivekitApiError) {
    return { code: `livekit_${error.kind}`, message: error.message, remedy: error.remedy };
  }
  return {
    code: "livekit_failed",
    message: error instanceof Error ? error.message : String(error),
    remedy: "See the log of this instance; then retry.",
  };
}
