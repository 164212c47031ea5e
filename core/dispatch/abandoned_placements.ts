/**
 * Dispatches that LiveKit was to place and that nobody watches any more: the instance that had asked died, or could not
 * write what became of them. Any instance moves them into our own queue (db/livekit_placements.ts: guarded, by the
 * database's clock), so that what was accepted runs, whoever accepted it. Agents whose jobs LiveKit starts per participant
 * can't be placed by us without one: theirs fail, and say so.
 */
import type { Database } from "../../db/client.ts";
import { endWaitingDispatch } from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { listUnwatchedPlacements, queueUnplaced, type UnwatchedPlacement } from "../../db/livekit_placements.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import type { WorkerDirectory } from "./livekit_placement.ts";

export interface AbandonedPlacementsOptions {
  database: Database;
  api: Pick<ServerApi, "deleteDispatch">;
  live: LiveDispatches;
  workers: Pick<WorkerDirectory, "wanted">;
  /** Name of the LiveKit server in rows. */
  server: string;
  actor: string;
  /** A dispatch came into our queue. */
  onQueued: () => void;
  logger: Logger;
}

const LOOK_EVERY_MS = 5_000;
const LOST = "The instance that watched LiveKit place it is gone.";

export class AbandonedPlacements implements Service {
  readonly name = "abandoned-placements";
  readonly #options: AbandonedPlacementsOptions;

  constructor(options: AbandonedPlacementsOptions) {
    this.#options = options;
  }

  run(signal: AbortSignal): Promise<void> {
    const onError = (error: unknown) => this.#options.logger.warn("could not look for abandoned placements", { error });
    return runEvery({ everyMs: LOOK_EVERY_MS, signal, task: () => this.lookOnce(), onError });
  }

  /** One look; returns how many were moved or ended. Throws what the database throws. */
  async lookOnce(): Promise<number> {
    const { database, server, onQueued } = this.#options;
    let taken = 0;
    for (const placement of await listUnwatchedPlacements(database, server)) {
      if (await this.#take(placement)) taken += 1;
    }
    if (taken > 0) onQueued();
    return taken;
  }

  async #take(placement: UnwatchedPlacement): Promise<boolean> {
    const { database, actor, workers, api, logger } = this.#options;
    const { id, agent, room, livekitDispatchId } = placement;
    const { jobType = "room" } = await workers.wanted(agent);
    const change = { changeId: crypto.randomUUID(), actor, cause: LOST, at: new Date() };
    const failure = { code: "instance_lost", message: LOST, remedy: "Retry the dispatch." };
    const isTaken = jobType === "room"
      ? await queueUnplaced(database, id, "not_taken_by_livekit", change)
      : await endWaitingDispatch(database, id, "failed", failure, change);
    if (!isTaken) return false;
    logger.warn("took over a dispatch that LiveKit was to place", { dispatch: id, agent, room });
    if (livekitDispatchId !== null) {
      await api.deleteDispatch(room, livekitDispatchId).catch((error) =>
        logger.warn("could not delete LiveKit's dispatch", { dispatch: id, room, error })
      );
    }
    await this.#tell(id);
    return true;
  }

  async #tell(id: string): Promise<void> {
    const { database, live } = this.#options;
    const found = await findDispatch(database, id);
    if (!found) return;
    const view = viewOfDispatch(found);
    const known = live.find(id);
    if (known) known.refresh(view);
    else live.announce(view, { kind: "waits" });
    live.forgetIfIdle(id);
  }
}
