/**
 * Ends standing dispatches (db/standing_dispatches.ts): LiveKit placed them and starts a job for each participant, so none
 * of their jobs' ends is theirs. LiveKit tells nobody when it forgets a dispatch, so it is asked: every LOOK_EVERY_MS, and
 * soon after one of their jobs has ended.
 *
 *   placed | running ─ no live job, LiveKit's dispatch gone ─▶ succeeded (its room ended) | cancelled (it was deleted)
 *   queued (waiting for a participant) ─ LiveKit's dispatch gone ─▶ cancelled
 *
 * LiveKit that can't be asked gives no verdict. Any instance may end any of them: the statement is guarded.
 */
import type { Database } from "../../db/client.ts";
import { endStandingDispatch, listStandingDispatches, type StandingDispatch } from "../../db/standing_dispatches.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { LiveDispatches } from "./live_dispatches.ts";

export interface StandingDispatchesOptions {
  database: Database;
  api: Pick<ServerApi, "listRooms" | "listDispatches" | "deleteDispatch">;
  live: LiveDispatches;
  /** Name of the LiveKit server in rows. */
  server: string;
  actor: string;
  logger: Logger;
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 10_000;
/** A room that closes takes its dispatch with it a moment after its participants. */
const SETTLE_MS = 500;
/** Dispatches per look; the oldest first. */
const MAX_PER_LOOK = 200;

export class StandingDispatches implements Service {
  readonly name = "standing-dispatches";
  readonly #options: StandingDispatchesOptions;
  readonly #alarm = new Alarm();

  constructor(options: StandingDispatchesOptions) {
    this.#options = options;
  }

  /** Looks soon: a job of one has ended. */
  wake(): void {
    this.#alarm.ring();
  }

  /** Has LiveKit forget the dispatch: its jobs are told to end, and when none is left it ends as cancelled. */
  async withdraw(dispatchId: string): Promise<void> {
    const { database, api, server, logger } = this.#options;
    const found = (await listStandingDispatches(database, server, MAX_PER_LOOK)).find(({ id }) => id === dispatchId);
    if (!found) return;
    await api.deleteDispatch(found.room, found.livekitDispatchId).catch((error) =>
      logger.warn("could not delete LiveKit's dispatch", { dispatch: dispatchId, error })
    );
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#alarm.wait(this.#options.lookEveryMs ?? LOOK_EVERY_MS, signal);
      await abortableWait(SETTLE_MS, signal);
      if (signal.aborted) return;
      try {
        await this.lookOnce();
      } catch (error) {
        this.#options.logger.warn("could not look at standing dispatches; trying again", { error });
      }
    }
  }

  /** One look; returns how many were ended. Throws when the database or LiveKit can't be asked. */
  async lookOnce(): Promise<number> {
    const { database, server, api } = this.#options;
    const standing = await listStandingDispatches(database, server, MAX_PER_LOOK);
    const idle = standing.filter(({ hasLiveJob }) => !hasLiveJob);
    if (idle.length === 0) return 0;
    const rooms = [...new Set(idle.map(({ room }) => room))];
    const liveRooms = new Set((await api.listRooms(rooms)).map(({ name }) => name));
    let ended = 0;
    for (const room of rooms) {
      const known = liveRooms.has(room) ? new Set((await api.listDispatches(room)).map(({ id }) => id)) : new Set();
      for (const dispatch of idle.filter((each) => each.room === room && !known.has(each.livekitDispatchId))) {
        if (await this.#end(dispatch, liveRooms.has(room) ? "dispatch_deleted" : "room_closed")) ended += 1;
      }
    }
    return ended;
  }

  async #end({ id }: StandingDispatch, cause: "dispatch_deleted" | "room_closed"): Promise<boolean> {
    const { database, live, actor } = this.#options;
    const at = new Date();
    const to = cause === "room_closed" ? "succeeded" : "cancelled";
    if (!await endStandingDispatch(database, id, to, { changeId: crypto.randomUUID(), actor, cause, at })) return false;
    const tracked = live.find(id);
    tracked?.ended(tracked.view.state === "queued" ? "cancelled" : to, at, null);
    live.forgetIfIdle(id);
    return true;
  }
}
