import { define } from "../define.ts";

export default define.middleware([
  async (ctx) => {
    ctx.state.trail.push("root1");
    const response = await ctx.next();
    response.headers.set("x-root", "after");
    return response;
  },
  async (ctx) => {
    ctx.state.trail.push("root2");
    return await ctx.next();
  },
]);
