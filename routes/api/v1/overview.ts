import { define } from "../../(_shared)/define.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Headroom, live calls, queue, the last hour, latencies, instances, agents and open problems, at most a second old. */
export const handler = define.handlers({
  GET: async (ctx) => Response.json(await partsOf(ctx.state).overview.read()),
});
