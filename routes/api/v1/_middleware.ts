import { define } from "../../(_shared)/define.ts";
import { problem } from "../../(_shared)/problem.ts";

/** While starting or without a database there is nothing to answer from: 503, said clearly. */
export default define.middleware(async (ctx) => {
  const { parts, phase } = ctx.state.controlPlane;
  if (parts === null && ctx.url.pathname !== "/api/v1/openapi.json") {
    return problem({
      status: 503,
      code: phase,
      title: `Greenroom is ${phase}`,
      detail: `The instance is ${phase}; GET /ready tells when it can serve.`,
      remedy: "Try again in a moment.",
      headers: { "retry-after": "1" },
    });
  }
  return await ctx.next();
});
