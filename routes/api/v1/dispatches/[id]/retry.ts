import { retryRequestSchema, waitQuerySchema } from "../../../../../core/dispatch/dispatch_request.ts";
import { actorOf, noteDone, requireRole } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readJson, readQuery } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { answerOf, refusalProblem } from "../../../../(_shared)/refusal_problem.ts";
import { traceparentOf } from "../../../../(_shared)/traceparent.ts";

/** A new dispatch like this ended one, with `retryOf`; other metadata when the body has some. */
export const handler = define.handlers({
  async POST(ctx) {
    const refused = requireRole(ctx, "operator", "dispatch.retry");
    if (refused) return refused;
    const { dispatcher, config } = partsOf(ctx.state);
    const id = ctx.params.id ?? "";
    if (!isUuid(id)) return refusalProblem({ code: "not_found", dispatchId: id });
    const wait = readQuery(ctx.url, waitQuerySchema);
    if (!wait.ok) return wait.response;
    const body = await readJson(ctx.req, retryRequestSchema, config.maxBodyBytes);
    if (!body.ok) return body.response;
    const requester = {
      actor: actorOf(ctx.state.principal),
      origin: "retry",
      traceparent: traceparentOf(ctx.req),
    } as const;
    const result = await dispatcher.retry(id, body.value.metadata, requester, wait.value);
    // The row's target is the dispatch that was retried; the new one names it in retryOf.
    if (result.ok) noteDone(ctx.state);
    return answerOf(result);
  },
});
