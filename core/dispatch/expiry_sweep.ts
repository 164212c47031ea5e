/**
 * Ends dispatches that are not ready by their deadline, each second, by the database's clock:
 *
 *   queued, past its deadline → expired, by one guarded statement of whichever instance comes first
 *   placed or running here, past its deadline and never ready → its job is told to end with the reason "deadline"; what
 *     becomes of the dispatch is decided as for any job that failed, and one that waits again then expires at once
 *
 * A deadline is met once an attempt was ready: a later attempt of such a dispatch never expires. While the database is
 * away nothing expires; what is late by then expires when it is back.
 */
import type { Database } from "../../db/client.ts";
import { expireWaitingDispatches, listJobsPastDeadline } from "../../db/dispatches.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import type { Logger } from "../lifecycle/logger.ts";
import { runEvery } from "../lifecycle/run_every.ts";
import type { Service } from "../lifecycle/service.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import type { LivekitPlacement } from "./livekit_placement.ts";
import type { StandingDispatches } from "./standing_dispatches.ts";

const SWEEP_MS = 1_000;

/** Flag of a job that was told to end because its dispatch's deadline was over. */
export const READY_DEADLINE_MISSED = "ready_deadline_missed";

const NO_SLOT = "It was not ready by its deadline: no slot was free in time.";
const FAILURE = {
  code: "dispatch_expired",
  message: "It was not ready by its deadline.",
  remedy: "Dispatch it again; give it a longer deadlineMs, or remove what it waited for.",
};

/** By waiting reason; "": it only waited for a slot. */
const MESSAGES: Readonly<Record<string, string>> = {
  "": NO_SLOT,
  agent_not_hosted: "It was not ready by its deadline: no running instance hosted the agent.",
  agent_broken: "It was not ready by its deadline: the agent's file did not load.",
  agent_loading: "It was not ready by its deadline: the agent was still being loaded.",
  livekit_unreachable: "It was not ready by its deadline: the LiveKit server could not be reached.",
  waiting_for_participant: "Nobody came whom the agent is for before the deadline was over.",
  not_taken_by_livekit:
    "It was not ready by its deadline: LiveKit would give it to nobody, and no slot was free in time.",
  retrying: "It was not ready by its deadline: an attempt had failed, and the next one had not begun.",
  breaker_open: "It was not ready by its deadline: the agent had crashed too often in a row.",
  agent_stopped: "It was not ready by its deadline: the agent was stopped on the instance that hosts it.",
  cordoned: "It was not ready by its deadline: the instance was cordoned.",
  draining: "It was not ready by its deadline: the instance was being drained.",
};

export interface ExpirySweepOptions {
  database: Database;
  instanceId: string;
  live: LiveDispatches;
  runner: Pick<JobRunner, "find">;
  placement: Pick<LivekitPlacement, "withdraw">;
  standing?: Pick<StandingDispatches, "withdraw">;
  logger: Logger;
  now?: () => Date;
}

export class ExpirySweep implements Service {
  readonly name = "expiry-sweep";
  readonly #options: ExpirySweepOptions;
  readonly #now: () => Date;

  constructor(options: ExpirySweepOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const onError = (error: unknown) => logger.warn("could not look for dispatches past their deadline", { error });
    return runEvery({ everyMs: SWEEP_MS, signal, task: () => this.sweepOnce(), onError });
  }

  /** One look. Returns how many have expired. */
  async sweepOnce(): Promise<number> {
    await this.#endLateJobs();
    const { database, instanceId } = this.#options;
    const at = this.#now();
    const actor = `instance:${instanceId}`;
    const change = { changeId: crypto.randomUUID(), actor, cause: "its deadline was over", at };
    const expired = await expireWaitingDispatches(database, MESSAGES, FAILURE, change);
    for (const id of expired) await this.#tell(id, at);
    return expired.length;
  }

  async #endLateJobs(): Promise<void> {
    const { database, instanceId, live, runner } = this.#options;
    if (!live.list().some(({ view }) => view.deadlineAt !== null && view.jobs.length > 0)) return;
    for (const { jobId, dispatchId } of await listJobsPastDeadline(database, instanceId)) {
      const job = runner.find(jobId);
      const dispatch = live.find(dispatchId);
      const view = dispatch?.view.jobs.find(({ id }) => id === jobId);
      // Ready here a moment ago (the database follows), or told before.
      if (!job || !dispatch || !view || view.stages.readyAt || view.flags.includes(READY_DEADLINE_MISSED)) continue;
      dispatch.flagged(READY_DEADLINE_MISSED, view);
      job.cancel("deadline", job.plan.shutdownGraceMs);
    }
  }

  /** Who follows it here, and LiveKit when it has a dispatch of it. */
  async #tell(id: string, at: Date): Promise<void> {
    const { database, live, placement, standing, logger } = this.#options;
    try {
      const found = await findDispatch(database, id);
      if (!found) return;
      const view = viewOfDispatch(found);
      const { message, ...failure } = FAILURE;
      const known = live.find(id);
      if (known) known.ended("expired", at, { ...failure, message: view.failure?.message ?? message });
      else live.announce(view, { kind: "ended" });
      live.forgetIfIdle(id);
      if (view.placement !== "livekit") return;
      await placement.withdraw(id);
      await standing?.withdraw(id);
    } catch (error) {
      logger.warn("an expired dispatch could not be cleaned up", { dispatch: id, error });
    }
  }
}
