/**
 * Jobs that LiveKit's server assigned to us become dispatches and jobs of ours: recorded first, then run by the same
 * path as directly placed ones. A job of our own CreateDispatch call carries our dispatch's id as an attribute; any other
 * one (automatic dispatch, tokens with agents, foreign callers) is recorded as a dispatch of origin "livekit".
 */
import type { Database } from "../../db/client.ts";
import {
  assignLivekitJob,
  endWaitingDispatch,
  insertPlacedDispatch,
  insertQueuedDispatch,
  type NewDispatch,
  type NewJob,
} from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { abortableWait } from "../lifecycle/supervisor.ts";
import { uuidv7 } from "../lifecycle/uuid.ts";
import { DISPATCH_ATTRIBUTE } from "../livekit/tokens.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import type { AssignedOffer, JobIntake } from "../worker/agent_worker.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { JobStarter } from "./job_starter.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import type { LivekitPlacement } from "./livekit_placement.ts";
import { checkMetadata, priorityInMetadata } from "./metadata_check.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import { rankAt } from "./priority.ts";
import type { DispatchRefusal } from "./refusal.ts";

/** A closing room ends its jobs by itself and sends a termination too; what ends by itself keeps its own reason. */
const TERMINATION_HOLD_MS = 300;
/** LiveKit removes the participant 3 s after it asked (livekit.md 4.4a). */
const TERMINATION_GRACE_MS = 2_500;
const MAX_REASON_CHARS = 1_000;

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
  logger: Logger;
  /** Aborts when the program ends. */
  signal: AbortSignal;
}

export class LivekitIntake implements JobIntake {
  readonly #options: LivekitIntakeOptions;

  constructor(options: LivekitIntakeOptions) {
    this.#options = options;
  }

  async assigned(assigned: AssignedOffer): Promise<void> {
    const { offer, reservation, link } = assigned;
    const logger = this.#options.logger.with({ livekitJob: offer.id, room: offer.room.name, agent: reservation.agent });
    try {
      const leaseToken = crypto.randomUUID();
      const ownId = offer.attributes[DISPATCH_ATTRIBUTE];
      const stored = ownId === undefined
        ? await this.#recordForeign(assigned, leaseToken)
        : await this.#recordOwn(ownId, assigned, leaseToken);
      if (stored.ok) {
        const traceparent = stored.traceparent;
        this.#options.starter.start(stored.live, { leaseToken, reservation, traceparent, livekit: link });
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
    const { runner, signal, logger } = this.#options;
    abortableWait(TERMINATION_HOLD_MS, signal).then(() => {
      runner.findByLivekitJobId(livekitJobId)?.cancel("terminated_by_livekit", TERMINATION_GRACE_MS);
    }).catch((error) => logger.error("could not pass a termination on", { livekitJob: livekitJobId, error }));
  }

  async #recordOwn(dispatchId: string, assigned: AssignedOffer, leaseToken: string): Promise<Recorded> {
    const { database, live, placement } = this.#options;
    const at = new Date();
    const job = this.#newJob(assigned, leaseToken, 1);
    const claimed = await assignLivekitJob(database, dispatchId, assigned.offer.dispatchId, job, this.#change(at));
    if (!claimed) {
      return { ok: false, isFailure: false, reason: `dispatch ${dispatchId} is not waiting for a job (any more)` };
    }
    placement.assigned(dispatchId);
    const found = live.find(dispatchId) ? null : await findDispatch(database, dispatchId);
    const tracked = live.find(dispatchId) ?? (found && live.track({ ...viewOfDispatch(found), jobs: [] }));
    if (!tracked) return { ok: false, isFailure: true, reason: `dispatch ${dispatchId} is gone` };
    tracked.assigned(newJobView(tracked.view, job, at));
    return { ok: true, live: tracked, traceparent: claimed.traceparent };
  }

  async #recordForeign(assigned: AssignedOffer, leaseToken: string): Promise<Recorded> {
    const { database, live, catalog, server, maxMetadataBytes } = this.#options;
    const { offer, reservation } = assigned;
    const at = new Date();
    const agent = catalog.find(reservation.agent);
    const given = offer.metadata === "" ? undefined : offer.metadata;
    const verdict = agent
      ? await checkMetadata(agent, given, maxMetadataBytes)
      : { ok: true as const, metadata: given ?? null };
    const priority = priorityInMetadata(verdict.ok ? verdict.metadata : null) ?? "normal";
    const dispatch: NewDispatch = {
      id: uuidv7(at.getTime()),
      agent: reservation.agent,
      server,
      room: offer.room.name,
      priority,
      placement: "livekit",
      origin: "livekit",
      retryOf: null,
      livekitDispatchId: offer.dispatchId === "" ? null : offer.dispatchId,
      metadata: verdict.ok ? verdict.metadata : given,
      traceparent: null,
      rankAt: rankAt(at, priority),
      waitingReason: null,
    };
    if (!verdict.ok) return await this.#recordInvalid(dispatch, verdict.refusal, at);
    const job = this.#newJob(assigned, leaseToken, 1);
    if (!await insertPlacedDispatch(database, dispatch, job, this.#change(at), null, { mayOvertake: true })) {
      return { ok: false, isFailure: false, reason: "another dispatch has it already" };
    }
    const tracked = live.track(newDispatchView(dispatch, at));
    tracked.assigned(newJobView(tracked.view, job, at));
    return { ok: true, live: tracked, traceparent: null };
  }

  /** Metadata that the agent's schema refuses: the dispatch is recorded as failed and nothing joins the room. */
  async #recordInvalid(dispatch: NewDispatch, refusal: DispatchRefusal, at: Date): Promise<Recorded> {
    const { database } = this.#options;
    const errors = refusal.code === "invalid_metadata"
      ? refusal.errors.map(({ path, message }) => `${path}: ${message}`).join("; ")
      : refusal.code;
    const message = `INVALID_REQUEST: ${errors}`.slice(0, MAX_REASON_CHARS);
    const remedy = "Correct the metadata where the dispatch is made; the agent's schema is in GET /api/v1/agents.";
    await insertQueuedDispatch(database, dispatch, Number.MAX_SAFE_INTEGER, this.#change(at), null);
    await endWaitingDispatch(
      database,
      dispatch.id,
      "failed",
      { code: refusal.code, message, remedy },
      this.#change(at),
    );
    return { ok: false, isFailure: true, reason: message };
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
  | { ok: true; live: LiveDispatch; traceparent: string | null }
  /** `isFailure` false: LiveKit is told SUCCESS, because nothing went wrong: there is simply nothing to run. */
  | { ok: false; isFailure: boolean; reason: string };
