import { define } from "./(_shared)/define.ts";

/** Alive, with what is known of database and LiveKit in words. 200 as long as the process answers. */
export const handler = define.handlers({
  GET: (ctx) => Response.json(ctx.state.controlPlane.health(), { headers: { "cache-control": "no-store" } }),
});
