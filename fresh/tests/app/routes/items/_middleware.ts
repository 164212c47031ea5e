import { define } from "../../define.ts";

export const handler = define.middleware(async (ctx) => {
  ctx.state.trail.push("items");
  return await ctx.next();
});
