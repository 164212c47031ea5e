import { readTrace } from "../../../../../core/services/dispatch_trace_view.ts";
import { define } from "../../../../(_shared)/define.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { refusalProblem } from "../../../../(_shared)/refusal_problem.ts";
import { isUuid } from "../../../../(_shared)/input.ts";

/** The spans of a dispatch, oldest first, for its waterfall. While it runs its own are made from the stages so far. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const trace = isUuid(id) ? await readTrace(partsOf(ctx.state), id) : null;
    return trace ? Response.json(trace) : refusalProblem({ code: "not_found", dispatchId: id });
  },
});
