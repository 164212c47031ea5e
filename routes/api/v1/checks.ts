import { requireRole } from "../../(_shared)/access.ts";
import { define } from "../../(_shared)/define.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Doctor's checks, run now; the answer is at most 10 s old, and one run serves all who ask meanwhile. */
export const handler = define.handlers({
  async GET(ctx) {
    const refused = requireRole(ctx, "operator", "checks.run");
    if (refused) return refused;
    return Response.json(await partsOf(ctx.state).checks.run());
  },
});
