/** Cancels what waits, or runs on this instance. What runs on another one is its own to cancel (cancel_elsewhere.ts). */
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { endWaitingDispatch } from "../../db/dispatches.ts";
import { isFinalDispatchState } from "../../db/lifecycle.ts";
import type { JobRunner } from "../runtime/job_runner.ts";
import { type DispatchView, viewOfDispatch } from "./dispatch_view.ts";
import type { LiveDispatches } from "./live_dispatches.ts";
import type { LivekitPlacement } from "./livekit_placement.ts";
import type { DispatchRefusal } from "./refusal.ts";
import type { StandingDispatches } from "./standing_dispatches.ts";

export type CancelResult =
  | { ok: true; dispatch: DispatchView; wasEnded: boolean }
  | { ok: false; refusal: DispatchRefusal };

export interface CancelOptions {
  database: Database;
  live: LiveDispatches;
  runner: JobRunner;
  placement: Pick<LivekitPlacement, "withdraw">;
  standing?: Pick<StandingDispatches, "withdraw">;
}

/** `owned_elsewhere` when another instance has to do it. Throws what the database throws. */
export async function cancelHere(
  { database, live: lives, runner, placement, standing }: CancelOptions,
  id: string,
  actor: string,
  at: Date,
): Promise<CancelResult> {
  const live = lives.find(id);
  const running = live?.view.jobs.flatMap((job) => runner.find(job.id) ?? []) ?? [];
  if (live && !live.isEnded && (running.length > 0 || live.isStanding)) {
    // Without LiveKit's dispatch no participant gets a job any more, and its end is ours.
    if (live.isStanding) await standing?.withdraw(id);
    for (const job of running) job.cancel("cancelled", job.plan.shutdownGraceMs);
    return { ok: true, dispatch: live.view, wasEnded: false };
  }
  const change = { changeId: crypto.randomUUID(), actor, cause: "cancelled", at };
  const isCancelled = await endWaitingDispatch(database, id, "cancelled", null, change);
  if (isCancelled) {
    live?.ended("cancelled", at, null);
    await placement.withdraw(id);
  }
  const found = await findDispatch(database, id);
  if (!found) return { ok: false, refusal: { code: "not_found", dispatchId: id } };
  if (!isCancelled && !isFinalDispatchState(found.dispatch.state)) {
    return { ok: false, refusal: { code: "owned_elsewhere", dispatchId: id } };
  }
  const view = viewOfDispatch(found);
  if (isCancelled && !live) lives.announce(view, { kind: "ended" });
  return { ok: true, dispatch: view, wasEnded: !isCancelled };
}
