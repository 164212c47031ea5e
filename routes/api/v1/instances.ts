import { define } from "../../(_shared)/define.ts";
import { partsOf } from "../../(_shared)/parts.ts";
import { instancesView } from "../../(_shared)/fleet_views.ts";

export const handler = define.handlers({
  GET: async (ctx) => Response.json({ items: await instancesView(partsOf(ctx.state)), nextCursor: null }),
});
