/**
 * What LiveKit had nobody to give to and waits in our queue (missed_offers.ts) is served only while it is awaited:
 *
 *   queued ──slot free──▶ claimed ──who it is for is there──▶ started
 *     │                     └─ gone, or served by another job meanwhile ─▶ cancelled: never an agent for nobody
 *     └─ who it is for has left, or LiveKit's dispatch was deleted ──────▶ cancelled
 *
 * LiveKit that can't be asked ends nothing; what is claimed then is started. Any instance may look: the end is guarded.
 */
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { endWaitingDispatch } from "../../db/dispatches.ts";
import { isServedByAnother, listWaitingOffers, type WaitingOffer } from "../../db/missed_offers.ts";
import { Alarm } from "../lifecycle/alarm.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { Service } from "../lifecycle/service.ts";
import { settlesWithin } from "../lifecycle/supervisor.ts";
import type { ServerApi } from "../livekit/server_api.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { JobEndReason } from "../runtime/job_end.ts";
import { workerKeyOf } from "../worker/worker_match.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import { isAwaited } from "./missed_jobs.ts";
import type { ClaimedOffer } from "./queue_claimer.ts";

export interface AwaitedOffersOptions {
  database: Database;
  actor: string;
  /** Name of the LiveKit server in rows. */
  server: string;
  api: Pick<ServerApi, "listDispatches" | "listParticipants">;
  catalog: Pick<AgentCatalog, "find">;
  live: LiveDispatches;
  logger: Logger;
}

/** While something waits. */
const LOOK_EVERY_MS = 2_000;
/** What other instances have queued, and can't look after any more. */
const LOOK_IDLE_MS = 10_000;
const CLAIM_LOOK_LIMIT_MS = 500;

const NOBODY = {
  code: "nobody_waits",
  message: "LiveKit had nobody to give the job to, and who it was for left before a slot was free.",
  remedy: "Raise MAX_CONCURRENT_JOBS or the agent's maxJobs, or start another instance, so that callers need not wait.",
};
const DELETED = {
  ...NOBODY,
  code: "dispatch_deleted",
  message: "LiveKit's dispatch was deleted before a slot was free.",
};

export class AwaitedOffers implements Service {
  readonly name = "awaited-offers";
  readonly #options: AwaitedOffersOptions;
  readonly #alarm = new Alarm();

  constructor(options: AwaitedOffersOptions) {
    this.#options = options;
  }

  /** Looks soon: one was queued. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waiting = 1;
      try {
        waiting = await this.lookOnce();
      } catch (error) {
        this.#options.logger.debug("missed jobs could not be looked at", { error });
      }
      await this.#alarm.wait(waiting > 0 ? LOOK_EVERY_MS : LOOK_IDLE_MS, signal);
    }
  }

  /** One look at all that wait; returns how many did. Throws what the database throws. */
  async lookOnce(): Promise<number> {
    const { database, server, api, logger } = this.#options;
    const waiting = await listWaitingOffers(database, server);
    for (const [room, offers] of Map.groupBy(waiting, (offer) => offer.room)) {
      try {
        const [participants, records] = await Promise.all([api.listParticipants(room), api.listDispatches(room)]);
        for (const offer of offers) {
          const hasLeft = !isAwaited(participants, offer.participantIdentity);
          if (hasLeft) await this.#end(offer, NOBODY);
          else if (this.#isDeleted(offer, records)) await this.#end(offer, DELETED);
        }
      } catch (error) {
        logger.debug("a room with missed jobs could not be looked at", { room, error });
      }
    }
    return waiting.length;
  }

  /** Why one that was just claimed need not start any more; null: it must, as far as can be known. Never rejects. */
  async whyUnwanted({ room, agent, participantIdentity, jobId }: ClaimedOffer): Promise<JobEndReason | null> {
    const { database, server, api } = this.#options;
    try {
      const asking = api.listParticipants(room);
      if (
        await settlesWithin(asking.catch(() => {}), CLAIM_LOOK_LIMIT_MS) &&
        !isAwaited(await asking, participantIdentity)
      ) {
        return participantIdentity === null ? "alone" : "participant_left";
      }
      if (participantIdentity === null) return null;
      return await isServedByAnother(database, { server, room, agent, participantIdentity, jobId })
        ? "served_already"
        : null;
    } catch (error) {
      this.#options.logger.warn("could not look whether a job is still awaited: it is started", { job: jobId, error });
      return null;
    }
  }

  /** One of a participant does not say which of LiveKit's dispatches it is of: any for its agent will do. */
  #isDeleted(
    { agent, livekitDispatchId }: WaitingOffer,
    records: readonly { id: string; agentName: string }[],
  ): boolean {
    if (livekitDispatchId !== null) return !records.some(({ id }) => id === livekitDispatchId);
    const descriptor = this.#options.catalog.find(agent)?.descriptor;
    return descriptor !== undefined && descriptor !== null &&
      !records.some(({ agentName }) => agentName === workerKeyOf(descriptor).agentName);
  }

  async #end({ id, room, agent }: WaitingOffer, failure: typeof NOBODY): Promise<void> {
    const { database, actor, live, logger } = this.#options;
    const at = new Date();
    const change = { changeId: crypto.randomUUID(), actor, cause: failure.code, at };
    if (!await endWaitingDispatch(database, id, "cancelled", failure, change)) return;
    logger.info("what LiveKit had nobody to give to is awaited no more", {
      dispatch: id,
      room,
      agent,
      why: failure.code,
    });
    const known = live.find(id);
    const found = known ? null : await findDispatch(database, id);
    if (known) known.ended("cancelled", at, failure);
    else if (found) live.announce(viewOfDispatch(found), { kind: "ended" });
    live.forgetIfIdle(id);
  }
}
