import { viewOfBulkOperation } from "../../../../../core/dispatch/bulk/bulk_request.ts";
import { requireRole } from "../../../../(_shared)/access.ts";
import { bulkRefusalProblem } from "../../../../(_shared)/bulk_answers.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

/** No further item is done; an operation that has ended stays as it is. */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "bulk.abort");
    if (refused) return refused;
    const id = ctx.params.id ?? "";
    if (!isUuid(id)) return bulkRefusalProblem({ code: "bulk_not_found", id });
    const aborted = await partsOf(ctx.state).bulk.operations.abort(id);
    return aborted.ok ? Response.json(viewOfBulkOperation(aborted.value)) : bulkRefusalProblem(aborted.refusal);
  },
});
