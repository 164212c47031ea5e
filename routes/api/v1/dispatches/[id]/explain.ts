import { define } from "../../../../(_shared)/define.ts";
import { explanationOf } from "../../../../(_shared)/explanation.ts";
import { findDispatchView } from "../../../../(_shared)/find_dispatch_view.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { refusalProblem } from "../../../../(_shared)/refusal_problem.ts";

/** Why each job of a dispatch was placed where it was, or why the dispatch waits. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const parts = partsOf(ctx.state);
    const view = await findDispatchView(parts, id);
    if (!view) return refusalProblem({ code: "not_found", dispatchId: id });
    return Response.json(await explanationOf(parts, view));
  },
});
