import { MAX_KEYS } from "../../../../core/auth/api_keys.ts";
import { listApiKeys } from "../../../../db/api_keys.ts";
import { requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { readJson } from "../../../(_shared)/input.ts";
import { keyRequestSchema, keyView } from "../../../(_shared)/key_views.ts";
import { makeKey } from "../../../(_shared)/make_key.ts";
import { partsOf } from "../../../(_shared)/parts.ts";

/** API keys beside the admin key. The key itself is in the answer that makes it, and nowhere else. */
export const handler = define.handlers({
  async GET(ctx) {
    const refused = requireRole(ctx, "admin", "key.list");
    if (refused) return refused;
    const rows = await listApiKeys(partsOf(ctx.state).database, MAX_KEYS);
    return Response.json({ items: rows.map(keyView), nextCursor: null });
  },

  async POST(ctx) {
    const refused = requireRole(ctx, "admin", "key.create");
    if (refused) return refused;
    const body = await readJson(ctx.req, keyRequestSchema, partsOf(ctx.state).config.maxBodyBytes);
    if (!body.ok) return body.response;
    const made = await makeKey(ctx.state, body.value);
    if (!made.ok) return made.response;
    return Response.json({ ...keyView(made.row), key: made.key }, {
      status: 201,
      headers: { location: `/api/v1/keys/${made.row.id}`, "cache-control": "no-store" },
    });
  },
});
