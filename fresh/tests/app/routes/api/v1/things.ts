import { define } from "../../../define.ts";

export const handler = define.handlers({
  GET: (ctx) => ctx.json({ things: [], trail: ctx.state.trail }),
  async POST(ctx) {
    return ctx.json(await ctx.req.json(), { status: 201 });
  },
});
