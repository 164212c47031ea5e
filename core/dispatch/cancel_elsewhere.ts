/**
 * Cancels a dispatch whose job runs at another instance, by asking that one. A dispatch may move while it is asked (its
 * instance died, another took it over), so its owner is looked up again after an answer that may come from that.
 */
import type { Database } from "../../db/client.ts";
import { findDispatch } from "../../db/dispatch_reads.ts";
import { isFinalDispatchState } from "../../db/lifecycle.ts";
import type { CommandResult, FleetCommands } from "../coordination/fleet_commands.ts";
import type { CancelResult } from "./dispatcher.ts";
import { viewOfDispatch } from "./dispatch_view.ts";
import type { DispatchRefusal } from "./refusal.ts";

export interface CancelElsewhereOptions {
  database: Database;
  instanceId: string;
  commands: Pick<FleetCommands, "send">;
  /** Cancels what waits or runs here. */
  cancelHere: (id: string, actor: string) => Promise<CancelResult>;
}

const MAX_LOOKS = 3;

export class CancelElsewhere {
  readonly #options: CancelElsewhereOptions;

  constructor(options: CancelElsewhereOptions) {
    this.#options = options;
  }

  /** Takes no longer than the commands' timeout, once per instance that has a job of it. Throws what the database throws. */
  async cancel(dispatchId: string, actor: string): Promise<CancelResult> {
    const { database, instanceId, cancelHere } = this.#options;
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
      const refused = await this.#ask(owners, dispatchId, actor);
      if (refused === null) {
        const now = await findDispatch(database, dispatchId);
        return { ok: true, dispatch: viewOfDispatch(now ?? found), wasEnded: false };
      }
      if (refused.code === "owner_timed_out") return { ok: false, refusal: refused };
      refusal = refused;
    }
    return { ok: false, refusal };
  }

  /** Null when all of them have told their jobs to end. */
  async #ask(owners: readonly string[], dispatchId: string, actor: string): Promise<OwnerRefusal | null> {
    const asked = await Promise.all(
      owners.map(async (instanceId) => {
        const result = await this.#options.commands.send(instanceId, "cancel_job", { dispatchId }, actor);
        return refusalOf(result, dispatchId, instanceId);
      }),
    );
    return asked.find((refusal) => refusal !== null) ?? null;
  }
}

type OwnerRefusal = Extract<DispatchRefusal, { code: "owner_gone" | "owner_timed_out" | "owner_failed" }>;

function refusalOf(result: CommandResult, dispatchId: string, instanceId: string): OwnerRefusal | null {
  if (result.ok) return null;
  const what = { dispatchId, instanceId, message: result.message };
  switch (result.code) {
    case "no_such_instance":
      return { code: "owner_gone", ...what };
    case "timed_out":
      return { code: "owner_timed_out", ...what };
    case "failed":
      return { code: "owner_failed", ...what };
  }
}
