/**
 * Jobs that LiveKit assigns while the database is away: they run at once, and what stores them waits in the spool before
 * the changes of theirs. When the database is back its guards decide (db/outage_placements.ts); a job that they refuse is
 * another's, and ends. Nothing is known here of dispatches that other instances run.
 */
import type { NewJob } from "../../db/dispatches.ts";
import type { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import type { AgentCatalog } from "../runtime/agent_catalog.ts";
import { withErrorStatus } from "../runtime/error_status.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import type { AssignedOffer } from "../worker/agent_worker.ts";
import type { JobView } from "./dispatch_view.ts";
import type { LiveDispatch, LiveDispatches } from "./live_dispatches.ts";
import { newDispatchView, newJobView } from "./new_views.ts";
import { offeredDispatch } from "./offered_dispatch.ts";

export interface OutageIntakeOptions {
  /** Whether the database is known to be away. */
  isAway: () => boolean;
  writer: Pick<LifecycleWriter, "write" | "onPlacingRefused">;
  runner: Pick<JobRunner, "list" | "find">;
  live: LiveDispatches;
  catalog: AgentCatalog;
  server: string;
  maxMetadataBytes: number;
}

export type OutageRecord =
  | { ok: true; live: LiveDispatch; job: JobView; traceparent: null }
  | { ok: false; isFailure: boolean; reason: string };

/** One that is another's leaves at once. */
const LOSER_GRACE_MS = 500;

export class OutageIntake {
  readonly #options: OutageIntakeOptions;

  constructor(options: OutageIntakeOptions) {
    this.#options = options;
    const { writer, runner } = options;
    writer.onPlacingRefused((jobId) => runner.find(jobId)?.cancel("shutdown", LOSER_GRACE_MS));
  }

  get isAway(): boolean {
    return this.#options.isAway();
  }

  /**
   * @param ownId our dispatch whose CreateDispatch call this comes from; undefined: none.
   * @param known our dispatch of LiveKit's dispatch that runs here already, of which this is one more participant's job.
   */
  async record(
    { assigned, newJob, ownId, known }: {
      assigned: AssignedOffer;
      newJob: NewJob;
      ownId: string | undefined;
      known: string | undefined;
    },
  ): Promise<OutageRecord> {
    const { writer, live } = this.#options;
    const at = new Date();
    const offered = await offeredDispatch(this.#options, assigned, at);
    const { refusal } = offered;
    // Not recorded: there is nowhere to record it, and LiveKit is told.
    if (refusal !== null) {
      return { ok: false, isFailure: true, reason: withErrorStatus(refusal.code, "the metadata does not fit") };
    }
    const dispatch = { ...offered.dispatch, id: ownId ?? known ?? offered.dispatch.id };
    const written = await writer.write({
      kind: "placed",
      job: { jobId: newJob.id, dispatchId: dispatch.id, leaseToken: newJob.leaseToken },
      ...{ changeId: crypto.randomUUID(), actor: "livekit", at },
      cause: "assigned by LiveKit while the database was away",
      ...{ newJob, dispatch, isOurs: ownId !== undefined },
    });
    if (written === "refused") return { ok: false, isFailure: false, reason: "another dispatch has it already" };
    if (written === "lost") return { ok: false, isFailure: true, reason: "there is no room for it in the spool" };
    const tracked = live.find(dispatch.id) ?? live.track(newDispatchView(dispatch, at));
    const job = newJobView(tracked.view, newJob, at);
    tracked.assigned(job);
    return { ok: true, live: tracked, job, traceparent: null };
  }
}
