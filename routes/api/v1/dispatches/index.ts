import { dispatchRequestSchema, waitQuerySchema } from "../../../../core/dispatch/dispatch_request.ts";
import { viewOfDispatch } from "../../../../core/dispatch/dispatch_view.ts";
import { listDispatches } from "../../../../db/dispatch_reads.ts";
import { actorOf, noteDone, originOf, requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { readCursor, readJson, readQuery } from "../../../(_shared)/input.ts";
import { dispatchListQuerySchema, nextCursor } from "../../../(_shared)/list.ts";
import { partsOf } from "../../../(_shared)/parts.ts";
import { answerOf } from "../../../(_shared)/refusal_problem.ts";
import { traceparentOf } from "../../../(_shared)/traceparent.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, dispatchListQuerySchema);
    if (!query.ok) return query.response;
    const { limit, cursor: cursorText, ...filter } = query.value;
    const cursor = readCursor(cursorText);
    if (!cursor.ok) return cursor.response;
    const found = await listDispatches(partsOf(ctx.state).database.reads, { limit, cursor: cursor.value }, filter);
    return Response.json({
      items: found.map(viewOfDispatch),
      nextCursor: nextCursor(found.map((row) => row.dispatch), limit),
    });
  },

  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "dispatch.create");
    if (refused) return refused;
    const { dispatcher, config } = partsOf(ctx.state);
    const wait = readQuery(ctx.url, waitQuerySchema);
    if (!wait.ok) return wait.response;
    const body = await readJson(ctx.req, dispatchRequestSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const requester = {
      actor: actorOf(ctx.state.principal),
      origin: originOf(ctx.state.principal),
      traceparent: traceparentOf(ctx.req),
    };
    const result = await dispatcher.request(body.value, requester, wait.value);
    if (result.ok) noteDone(ctx.state, result.dispatch.id);
    return answerOf(result);
  },
});
