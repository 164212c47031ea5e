/**
 * Jobs that LiveKit's server assigned to us become dispatches and jobs of ours: recorded first, then run by the same
 * path as directly placed ones. A job of our own CreateDispatch call carries our dispatch's id as an attribute; any other
 * one (automatic dispatch, tokens with agents, foreign callers) is recorded as a dispatch of origin "livekit".
 */
import type { Database } from "../../db/client.ts";
import { assignLivekitJob } from "../../db/claims.ts";
import { insertPlacedDispatch, insertQueuedDispatch, type NewDispatch, type NewJob } from "../../db/dispatches.ts";
import { findMissedOffer } from "../../db/missed_offers.ts";
import { addParticipantJob } from "../../db/standing_dispatches.ts";
import { describeDatabaseError } from "../../db/database_error.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import type { Logger } from "../lifecycle/logger.ts";
import type { OfferedJob } from "../livekit/job_offer.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { withErrorStatus } from "../runtime/error_status.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import type { AssignedOffer, Decline, JobIntake } from "../worker/agent_worker.ts";
import { type JobView, viewOfDispatch } from "./dispatch_view.ts";
import type { JobStarter } from "./job_starter.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import type { LivekitPlacement } from "./livekit_placement.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import { offeredDispatch, recordInvalidOffer } from "./offered_dispatch.ts";
import type { OutageIntake } from "./outage_intake.ts";
import type { DispatchRefusal } from "./refusal.ts";
import type { TerminationCheck } from "./termination_check.ts";

export interface LivekitIntakeOptions {
  database: Database;
  instanceId: string;
  server: string;
  catalog: AgentCatalog;
  runner: JobRunner;
  starter: JobStarter;
  live: LiveDispatches;
  placement: LivekitPlacement;
  maxMetadataBytes: number;
  terminations: TerminationCheck;
  /** Takes over while the database is away; absent: what is assigned then is not run. */
  outage?: OutageIntake;
  /** Told when an offer could not be taken; absent: nobody is. */
  missed?: { declined(agent: string): void };
  logger: Logger;
}

export class LivekitIntake implements JobIntake {
  readonly #options: LivekitIntakeOptions;
  /** LiveKit's dispatch of each running job, by LiveKit's job id. */
  readonly #dispatchIds = new Map<string, string>();

  constructor(options: LivekitIntakeOptions) {
    this.#options = options;
  }

  async assigned(assigned: AssignedOffer): Promise<void> {
    const { offer, reservation, link } = assigned;
    const logger = this.#options.logger.with({ livekitJob: offer.id, room: offer.room.name, agent: reservation.agent });
    try {
      const leaseToken = crypto.randomUUID();
      const ownId = offer.attributes[DISPATCH_ATTRIBUTE];
      const stored = await this.#options.starter.placing.during(
        [assigned.jobId],
        () => this.#record(ownId, assigned, leaseToken),
      );
      if (stored.ok) {
        const traceparent = stored.traceparent;
        const started = { leaseToken, reservation, traceparent, livekit: link, job: stored.job };
        const job = this.#options.starter.start(stored.live, started);
        this.#dispatchIds.set(offer.id, offer.dispatchId);
        void job.gone.then(() => this.#dispatchIds.delete(offer.id));
        return;
      }
      logger.warn("an assigned job is not run", { reason: stored.reason });
      reservation.release();
      await link.report(stored.isFailure ? "failed" : "succeeded", stored.isFailure ? stored.reason : undefined);
    } catch (error) {
      logger.error("an assigned job could not be recorded", { error });
      reservation.release();
      await link.report("failed", "Greenroom could not record the job");
    }
  }

  terminated(livekitJobId: string): void {
    const job = this.#options.runner.findByLivekitJobId(livekitJobId);
    if (job) void this.#options.terminations.told(job, this.#dispatchIds.get(livekitJobId) ?? "");
  }

  declined(agent: string, offer: OfferedJob, decline: Decline): void {
    this.#options.placement.declined(offer, decline);
    if (decline.kind === "no_room") this.#options.missed?.declined(agent);
  }

  /** One that is to start later is not on its way yet. */
  holderOf(agent: string, room: string): string | null {
    const holder = this.#options.live.list().find(({ view, isEnded }) =>
      !isEnded && view.agent === agent && view.room === room &&
      !(view.state === "queued" && view.scheduledAt !== null && Date.parse(view.scheduledAt) > Date.now())
    );
    return holder?.view.id ?? null;
  }

  /** What the database can't take now, or left without an answer, waits in the spool. */
  async #record(ownId: string | undefined, assigned: AssignedOffer, leaseToken: string): Promise<Recorded> {
    const { outage } = this.#options;
    const inOutage = () => {
      const newJob = this.#newJob(assigned, leaseToken, 1);
      return outage!.record({ assigned, newJob, ownId, known: this.#dispatchOf(assigned) });
    };
    if (outage?.isAway) return await inOutage();
    try {
      const missedId = await this.#findMissed(ownId, assigned);
      if (missedId !== null) {
        return { ok: false, isFailure: false, reason: `LiveKit was too late: dispatch ${missedId} is for it by now` };
      }
      return ownId === undefined
        ? await this.#recordForeign(assigned, leaseToken)
        : await this.#recordOwn(ownId, assigned, leaseToken);
    } catch (error) {
      if (!outage || describeDatabaseError(error).code === "unexpected") throw error;
      this.#options.logger.warn("an assigned job is run without the database", { job: assigned.jobId, error });
      return await inOutage();
    }
  }

  /** The dispatch that this job has become meanwhile (missed_offers.ts). */
  async #findMissed(
    ownId: string | undefined,
    { offer, reservation: { agent } }: AssignedOffer,
  ): Promise<string | null> {
    const participant = offer.participant?.identity ?? null;
    if (ownId !== undefined && participant === null) return null;
    const { database, server } = this.#options;
    const { dispatchId: livekitDispatchId, room } = offer;
    return await findMissedOffer(database, { server, room: room.name, agent, participant, livekitDispatchId });
  }

  /** Our dispatch of LiveKit's one, as far as a job of it runs here. */
  #dispatchOf({ offer }: AssignedOffer): string | undefined {
    if (offer.dispatchId === "") return undefined;
    const [livekitJobId] = [...this.#dispatchIds].find(([, id]) => id === offer.dispatchId) ?? [];
    return livekitJobId && this.#options.runner.findByLivekitJobId(livekitJobId)?.plan.key.dispatchId;
  }

  async #recordOwn(dispatchId: string, assigned: AssignedOffer, leaseToken: string): Promise<Recorded> {
    const { database, live, placement } = this.#options;
    const at = new Date();
    const job = this.#newJob(assigned, leaseToken, 1);
    const claimed = await assignLivekitJob(database, dispatchId, assigned.offer.dispatchId, job, this.#change(at));
    if (!claimed) {
      const reason = `dispatch ${dispatchId} is not waiting for a job (any more)`;
      return await this.#addParticipantJob(dispatchId, assigned, leaseToken) ?? { ok: false, isFailure: false, reason };
    }
    placement.assigned(dispatchId);
    const found = live.find(dispatchId) ? null : await findDispatch(database, dispatchId);
    const tracked = live.find(dispatchId) ?? (found && live.track({ ...viewOfDispatch(found), jobs: [] }));
    if (!tracked) return { ok: false, isFailure: true, reason: `dispatch ${dispatchId} is gone` };
    const view = newJobView(tracked.view, job, at);
    tracked.assigned(view);
    return { ok: true, live: tracked, job: view, traceparent: claimed.traceparent };
  }

  /** The job of one more participant of a dispatch that runs already; null when there is none such. */
  async #addParticipantJob(
    ownId: string | null,
    assigned: AssignedOffer,
    leaseToken: string,
  ): Promise<Recorded | null> {
    const { database, live, server } = this.#options;
    const { offer } = assigned;
    if (offer.participant === null || offer.dispatchId === "") return null;
    const at = new Date();
    const job = this.#newJob(assigned, leaseToken, 1);
    const dispatch = { server, dispatchId: ownId, livekitDispatchId: offer.dispatchId };
    const added = await addParticipantJob(database, dispatch, job, this.#change(at));
    if (added === null) return null;
    const { dispatchId, attempt, traceparent } = added;
    const found = live.find(dispatchId) ? null : await findDispatch(database, dispatchId);
    const others = found?.jobs.filter(({ id }) => id !== job.id) ?? [];
    const tracked = live.find(dispatchId) ?? (found && live.track(viewOfDispatch({ ...found, jobs: others })));
    if (!tracked) return { ok: false, isFailure: true, reason: `dispatch ${dispatchId} is gone` };
    const view = newJobView(tracked.view, { ...job, attempt }, at);
    tracked.assigned(view);
    return { ok: true, live: tracked, job: view, traceparent };
  }

  async #recordForeign(assigned: AssignedOffer, leaseToken: string): Promise<Recorded> {
    const added = await this.#addParticipantJob(null, assigned, leaseToken);
    if (added !== null) return added;
    const { database, live } = this.#options;
    const at = new Date();
    const { dispatch, refusal } = await offeredDispatch(this.#options, assigned, at);
    if (refusal !== null) return await this.#recordInvalid(dispatch, refusal, at);
    const job = this.#newJob(assigned, leaseToken, 1);
    try {
      if (!await insertPlacedDispatch(database, dispatch, job, this.#change(at), null, { mayOvertake: true })) {
        return { ok: false, isFailure: false, reason: "another dispatch has it already" };
      }
    } catch (error) {
      // Two participants at once: the other one's job has stored LiveKit's dispatch meanwhile.
      const added = await this.#addParticipantJob(null, assigned, leaseToken);
      if (added !== null) return added;
      throw error;
    }
    const tracked = live.track(newDispatchView(dispatch, at));
    const view = newJobView(tracked.view, job, at);
    tracked.assigned(view);
    return { ok: true, live: tracked, job: view, traceparent: null };
  }

  /** Metadata that the agent's schema refuses: the dispatch is recorded as failed and nothing joins the room. */
  async #recordInvalid(dispatch: NewDispatch, refusal: DispatchRefusal, at: Date): Promise<Recorded> {
    const { database } = this.#options;
    await insertQueuedDispatch(database, dispatch, Number.MAX_SAFE_INTEGER, this.#change(at), null);
    const message = await recordInvalidOffer(database, dispatch.id, refusal, this.#change(at));
    return { ok: false, isFailure: true, reason: withErrorStatus(refusal.code, message) };
  }

  #newJob({ offer, jobId, participantIdentity, workerId }: AssignedOffer, leaseToken: string, attempt: number): NewJob {
    return {
      id: jobId,
      attempt,
      participant: offer.participant?.identity ?? null,
      participantIdentity,
      instanceId: this.#options.instanceId,
      workerId,
      livekitJobId: offer.id,
      leaseToken,
    };
  }

  #change(at: Date) {
    return { changeId: crypto.randomUUID(), actor: "livekit", cause: "assigned by LiveKit", at };
  }
}

type Recorded =
  | { ok: true; live: LiveDispatch; job: JobView; traceparent: string | null }
  /** `isFailure` false: LiveKit is told SUCCESS, because nothing went wrong: there is simply nothing to run. */
  | { ok: false; isFailure: boolean; reason: string };
