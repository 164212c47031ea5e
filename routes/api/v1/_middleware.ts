import { define } from "../../(_shared)/define.ts";
import { problem } from "../../(_shared)/problem.ts";

/** Where new dispatches come in; cancelling stays possible to the end. */
const NEW_DISPATCH = /^\/api\/v1\/dispatches(\/[^/]+\/retry)?\/?$/;

/** While starting there is nothing to answer from, and while draining nothing new is taken: 503, said clearly. */
export default define.middleware(async (ctx) => {
  const { parts, phase } = ctx.state.controlPlane;
  const isNewDispatch = ctx.req.method === "POST" && NEW_DISPATCH.test(ctx.url.pathname);
  if (parts === null && ctx.url.pathname !== "/api/v1/openapi.json") {
    return unavailable(phase, "Try again in a moment.");
  }
  if (phase !== "running" && isNewDispatch) {
    return unavailable(phase, "Send the request to another instance, or again when this one has been started anew.");
  }
  return await ctx.next();
});

function unavailable(phase: string, remedy: string): Response {
  return problem({
    status: 503,
    code: phase,
    title: `Greenroom is ${phase}`,
    detail: `The instance is ${phase}; GET /ready tells when it can serve.`,
    remedy,
    headers: { "retry-after": "1" },
  });
}
