import { define } from "./(_shared)/define.ts";
import { isOpen, unauthorized } from "./(_shared)/access.ts";

/** Authenticates every request; what is not open and has no valid key ends here. */
export default define.middleware(async (ctx) => {
  ctx.state.principal = await ctx.state.controlPlane.apiKeys.authenticate(ctx.req.headers.get("authorization"));
  if (ctx.state.principal === null && !isOpen(ctx.url.pathname)) return unauthorized();
  return await ctx.next();
});
