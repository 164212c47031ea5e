import { findJob } from "../../../../../db/dispatch_reads.ts";
import { actorOf, requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { refusalProblem } from "../../../../(_shared)/refusal_problem.ts";

/** Cancels the job's dispatch, and so the job: 202 while it is told to end, 200 when it had ended. */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "job.cancel");
    if (refused) return refused;
    const { database, dispatcher } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    const job = isUuid(id) ? await findJob(database, id) : null;
    if (!job) return noSuchJob(id);
    const result = await dispatcher.cancel(job.dispatchId, actorOf(ctx.state.principal));
    if (!result.ok) return refusalProblem(result.refusal);
    return Response.json(result.dispatch, { status: result.dispatch.stages.endedAt === null ? 202 : 200 });
  },
});
