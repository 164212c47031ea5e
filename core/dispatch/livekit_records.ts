/**
 * Deleting LiveKit's dispatch ends what it had placed. Jobs that LiveKit knows are told by JobTermination; jobs that run
 * again what it had placed (architecture.md 7) are not, so LiveKit's record is polled for them:
 *
 *   record seen in the room ─ record gone, same life of the room ─▶ its job is ended (terminated_by_livekit); what waits for
 *                                                                   its next attempt is cancelled
 *
 * A record that was never seen, or a room that was begun anew since (LiveKit forgets all dispatches when it restarts, and
 * calls outlive that), says nothing; nor does LiveKit that can't be asked. A room that is gone ends its jobs by itself.
 */
import type { Database } from "../../db/client.ts";
import { endWaitingDispatch } from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { listReruns, type RunningRerun } from "../../db/reruns.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatches } from "./live_dispatches.ts";

export interface LivekitRecordsOptions {
  database: Database;
  instanceId: string;
  /** Name of the LiveKit server in rows. */
  server: string;
  api: Pick<ServerApi, "listRooms" | "listDispatches">;
  runner: Pick<JobRunner, "find">;
  live: LiveDispatches;
  logger: Logger;
  lookEveryMs?: number;
}

const LOOK_EVERY_MS = 5_000;
const MAX_PER_LOOK = 200;
/** As for a JobTermination. */
const GRACE_MS = 2_500;

export class LivekitRecords implements Service {
  readonly name = "livekit-records";
  readonly #options: LivekitRecordsOptions;
  readonly #alarm = new Alarm();
  /** By dispatch: the life of the room (its sid) in which its record was seen. */
  #seen = new Map<string, string>();

  constructor(options: LivekitRecordsOptions) {
    this.#options = options;
  }

  /** Looks soon: a dispatch of LiveKit's is run again. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { lookEveryMs: everyMs = LOOK_EVERY_MS, logger } = this.#options;
    const task = () => this.lookOnce();
    const onError = (error: unknown) => logger.warn("could not look at LiveKit's dispatches; trying again", { error });
    await runEvery({ everyMs, alarm: this.#alarm, signal, task, onError });
  }

  /** One look; returns how many were ended. Throws when database or LiveKit can't be asked. */
  async lookOnce(): Promise<number> {
    const { database, server, instanceId, api } = this.#options;
    const reruns = await listReruns(database, { server, instanceId, limit: MAX_PER_LOOK });
    const names = [...new Set(reruns.map(({ room }) => room))];
    const rooms = names.length === 0 ? [] : await api.listRooms(names);
    const seen = new Map<string, string>();
    let ended = 0;
    for (const { name, sid } of rooms) {
      const records = new Set((await api.listDispatches(name)).map(({ id }) => id));
      for (const rerun of reruns.filter(({ room }) => room === name)) {
        const { dispatchId, livekitDispatchId } = rerun;
        if (records.has(livekitDispatchId)) seen.set(dispatchId, sid);
        else if (this.#seen.get(dispatchId) === sid && await this.#end(rerun)) ended += 1;
      }
    }
    this.#seen = seen;
    return ended;
  }

  async #end({ dispatchId, jobId, room }: RunningRerun): Promise<boolean> {
    const { database, instanceId, runner, live, logger } = this.#options;
    logger.info("LiveKit's dispatch was deleted: what ran again for it ends", { dispatch: dispatchId, room });
    if (jobId !== null) {
      runner.find(jobId)?.cancel("terminated_by_livekit", GRACE_MS);
      return true;
    }
    const at = new Date();
    const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause: "dispatch_deleted", at };
    if (!await endWaitingDispatch(database, dispatchId, "cancelled", null, change)) return false;
    const known = live.find(dispatchId);
    const found = known ? null : await findDispatch(database, dispatchId);
    if (known) known.ended("cancelled", at, null);
    else if (found) live.announce(viewOfDispatch(found), { kind: "ended" });
    live.forgetIfIdle(dispatchId);
    return true;
  }
}
