import { requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { isUuid } from "../../../(_shared)/input.ts";
import { keyView } from "../../../(_shared)/key_views.ts";
import { revokeKey } from "../../../(_shared)/make_key.ts";
import { problem } from "../../../(_shared)/problem.ts";

/** Revokes a key: it and its sessions end here at once, on other instances within seconds. Again: 200, unchanged. */
export const handler = define.handlers({
  async DELETE(ctx) {
    const refused = requireRole(ctx, "admin", "key.revoke");
    if (refused) return refused;
    const id = ctx.params.id ?? "";
    const row = isUuid(id) ? await revokeKey(ctx.state, id) : null;
    return row ? Response.json(keyView(row)) : problem({
      status: 404,
      code: "not_found",
      title: "No such key",
      detail: `There is no key ${id}.`,
      remedy: "Take an id from GET /api/v1/keys.",
    });
  },
});
