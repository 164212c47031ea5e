import { viewOfBulkItem, viewOfBulkOperation } from "../../../../../core/dispatch/bulk/bulk_request.ts";
import { bulkRefusalProblem } from "../../../../(_shared)/bulk_answers.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { bulkItemQuerySchema } from "../../../../(_shared)/list.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

/** One operation with a page of its items, in their order. */
export const handler = define.handlers({
  async GET(ctx) {
    const { operations } = partsOf(ctx.state).bulk;
    const id = ctx.params.id ?? "";
    const query = readQuery(ctx.url, bulkItemQuerySchema);
    if (!query.ok) return query.response;
    const operation = isUuid(id) ? await operations.find(id) : null;
    if (!operation) return bulkRefusalProblem({ code: "bulk_not_found", id });
    const { limit, state = null, cursor } = query.value;
    const items = await operations.items(id, { state, limit, after: cursor });
    const last = items.length === limit ? items.at(-1) : undefined;
    return Response.json({
      ...viewOfBulkOperation(operation),
      items: items.map(viewOfBulkItem),
      nextCursor: last === undefined ? null : String(last.position),
    });
  },
});
