import { bulkRequestSchema, viewOfBulkOperation } from "../../../../core/dispatch/bulk/bulk_request.ts";
import { actorOf, noteDone, originOf, requireRole } from "../../../(_shared)/access.ts";
import { bulkRefusalProblem, wishOf } from "../../../(_shared)/bulk_answers.ts";
import { define } from "../../../(_shared)/define.ts";
import { readCursor, readJson, readQuery } from "../../../(_shared)/input.ts";
import { bulkListQuerySchema, nextCursor } from "../../../(_shared)/list.ts";
import { partsOf } from "../../../(_shared)/parts.ts";

/** Bulk operations: newest first; POST begins one, or with `dryRun` says what it would do. */
export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, bulkListQuerySchema);
    if (!query.ok) return query.response;
    const cursor = readCursor(query.value.cursor);
    if (!cursor.ok) return cursor.response;
    const { limit } = query.value;
    const found = await partsOf(ctx.state).bulk.operations.list({ limit, cursor: cursor.value });
    return Response.json({ items: found.map(viewOfBulkOperation), nextCursor: nextCursor(found, limit) });
  },

  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "bulk.create");
    if (refused) return refused;
    const { bulk, config } = partsOf(ctx.state);
    const body = await readJson(ctx.req, bulkRequestSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const { kind, dryRun, id, itemsPerSecond, expectedCount } = body.value;
    const wish = wishOf(body.value, new Date());
    if (!wish.ok) return wish.response;
    if (dryRun) {
      requireRole(ctx, "operator", "bulk.preview", kind);
      const preview = await bulk.operations.preview(wish.value, itemsPerSecond);
      return preview.ok ? Response.json(preview.value) : bulkRefusalProblem(preview.refusal);
    }
    const { principal } = ctx.state;
    const asker = { actor: actorOf(principal), origin: originOf(principal) };
    const made = await bulk.operations.create(wish.value, asker, { id, itemsPerSecond, expected: expectedCount });
    if (!made.ok) return bulkRefusalProblem(made.refusal);
    const { operation, isNew } = made.value;
    noteDone(ctx.state, operation.id);
    return Response.json(viewOfBulkOperation(operation), {
      status: isNew ? 201 : 200,
      headers: { location: `/api/v1/bulk-operations/${operation.id}`, "cache-control": "no-store" },
    });
  },
});
