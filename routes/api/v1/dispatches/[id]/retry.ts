import { retryRequestSchema, waitQuerySchema } from "../../../../../core/dispatch/dispatch_request.ts";
import { actorOf } from "../../../../(_shared)/access.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readJson, readQuery } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { answerOf, refusalProblem } from "../../../../(_shared)/refusal_problem.ts";
import { traceparentOf } from "../../../../(_shared)/traceparent.ts";

/** A new dispatch like this ended one, with `retryOf`; other metadata when the body has some. */
export const handler = define.handlers({
  async POST(ctx) {
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
    return answerOf(await dispatcher.retry(id, body.value.metadata, requester, wait.value));
  },
});
