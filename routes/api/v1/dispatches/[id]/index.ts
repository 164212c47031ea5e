import { viewOfDispatch } from "../../../../../core/dispatch/dispatch_view.ts";
import { findDispatch } from "../../../../../db/dispatch_reads.ts";
import { actorOf, requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { refusalProblem } from "../../../../(_shared)/refusal_problem.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { id } = ctx.params;
    const { live, database } = partsOf(ctx.state);
    // Memory first: it is ahead of the database by the milliseconds that a write takes.
    const inMemory = live.find(id ?? "");
    if (inMemory) return Response.json(inMemory.view);
    const found = id && isUuid(id) ? await findDispatch(database, id) : null;
    return found ? Response.json(viewOfDispatch(found)) : refusalProblem({ code: "not_found", dispatchId: id ?? "" });
  },

  /** Cancels: 202 while its job is told to end, 200 when it waited (cancelled at once) or had ended. */
  async DELETE(ctx) {
    const refused = requireRole(ctx, "operator", "dispatch.cancel");
    if (refused) return refused;
    const id = ctx.params.id ?? "";
    if (!isUuid(id)) return refusalProblem({ code: "not_found", dispatchId: id });
    const result = await partsOf(ctx.state).dispatcher.cancel(id, actorOf(ctx.state.principal));
    if (!result.ok) return refusalProblem(result.refusal);
    const isEnded = result.dispatch.stages.endedAt !== null;
    return Response.json(result.dispatch, { status: isEnded ? 200 : 202 });
  },
});
