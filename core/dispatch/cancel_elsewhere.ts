/**
 * Cancels a dispatch whose job runs at another instance, by asking that one. A dispatch may move while it is asked (its
 * instance died, another took it over), so its owner is looked up again after an answer that may come from that. An owner
 * that is gone, or does not answer, is no reason to refuse: the cancel is kept with the job (db/cancel_requests.ts), for
 * whoever ends or rescues it.
 */
import { requestCancel } from "../../db/cancel_requests.ts";
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { isFinalDispatchState } from "../../db/lifecycle.ts";
import type { FleetCommands } from "../coordination/fleet_commands.ts";
import type { CancelResult } from "./cancel_here.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { DispatchRefusal } from "./refusal.ts";

export interface CancelElsewhereOptions {
  database: Database;
  instanceId: string;
  commands: Pick<FleetCommands, "send">;
  /** Cancels what waits or runs here. */
  cancelHere: (id: string, actor: string) => Promise<CancelResult>;
  /** Has LiveKit forget a dispatch of which it starts a job per participant; does nothing for others. */
  withdraw?: (id: string) => Promise<void>;
}

const MAX_LOOKS = 3;

export class CancelElsewhere {
  readonly #options: CancelElsewhereOptions;

  constructor(options: CancelElsewhereOptions) {
    this.#options = options;
  }

  /** Takes no longer than the commands' timeout, once per instance that has a job of it. Throws what the database throws. */
  async cancel(dispatchId: string, actor: string): Promise<CancelResult> {
    const { database, instanceId, cancelHere, withdraw } = this.#options;
    let refusal: DispatchRefusal = { code: "owned_elsewhere", dispatchId };
    for (let look = 0; look < MAX_LOOKS; look++) {
      const found = await findDispatch(database, dispatchId);
      if (!found) return { ok: false, refusal: { code: "not_found", dispatchId } };
      const running = found.jobs.filter(({ endedAt }) => endedAt === null);
      const owners = [...new Set(running.map((job) => job.instanceId))].filter((id) => id !== instanceId);
      if (isFinalDispatchState(found.dispatch.state) || owners.length === 0) {
        const here = await cancelHere(dispatchId, actor);
        if (here.ok || here.refusal.code !== "owned_elsewhere") return here;
        continue;
      }
      // Noted first: who rescues it while its owner is asked makes no further attempt.
      if (!await requestCancel(database, dispatchId)) continue;
      const asked = await this.#ask(owners, dispatchId, actor);
      if (typeof asked === "object") {
        refusal = asked;
        continue;
      }
      if (asked === "kept") await withdraw?.(dispatchId);
      const now = await findDispatch(database, dispatchId);
      return { ok: true, dispatch: viewOfDispatch(now ?? found), wasEnded: false };
    }
    return { ok: false, refusal };
  }

  /** Who could not do it; "kept": somebody is gone or silent; "told": all of them have told their jobs to end. */
  async #ask(owners: readonly string[], dispatchId: string, actor: string): Promise<OwnerRefusal | "kept" | "told"> {
    const { commands } = this.#options;
    const results = await Promise.all(
      owners.map(async (instanceId) => {
        const result = await commands.send(instanceId, "cancel_job", { dispatchId }, actor);
        if (result.ok) return "told";
        const { code, message } = result;
        return code === "failed" ? { code: "owner_failed", dispatchId, instanceId, message } as const : "kept";
      }),
    );
    return results.find((each) => typeof each === "object") ?? results.find((each) => each === "kept") ?? "told";
  }
}

type OwnerRefusal = Extract<DispatchRefusal, { code: "owner_failed" }>;
