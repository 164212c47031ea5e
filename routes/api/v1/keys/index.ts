import { MAX_KEYS } from "../../../../core/auth/api_keys.ts";
import { listApiKeys } from "../../../../db/api_keys.ts";
import { noteDone, requireRole } from "../../../(_shared)/access.ts";
import { define } from "../../../(_shared)/define.ts";
import { readJson } from "../../../(_shared)/input.ts";
import { keyRequestSchema, keyView } from "../../../(_shared)/key_views.ts";
import { partsOf } from "../../../(_shared)/parts.ts";
import { problem } from "../../../(_shared)/problem.ts";

const DAY_MS = 86_400_000;

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
    const { name, role, expiresInDays } = body.value;
    const expiresAt = expiresInDays === undefined ? null : new Date(Date.now() + expiresInDays * DAY_MS);
    const made = await ctx.state.controlPlane.auth.apiKeys.create({ name, role, expiresAt });
    if (!made.ok) return made.code === "name_taken" ? nameTaken(name) : tooManyKeys();
    noteDone(ctx.state, name);
    return Response.json({ ...keyView(made.row), key: made.key }, {
      status: 201,
      headers: { location: `/api/v1/keys/${made.row.id}`, "cache-control": "no-store" },
    });
  },
});

function nameTaken(name: string): Response {
  return problem({
    status: 409,
    code: "name_taken",
    title: "The name is taken",
    detail: `There is or was a key named "${name}"; names stand in the history and are not given twice.`,
    remedy: "Choose another name.",
  });
}

function tooManyKeys(): Response {
  return problem({
    status: 409,
    code: "too_many_keys",
    title: "There are too many keys",
    detail: `${MAX_KEYS} keys are valid already.`,
    remedy: "Revoke keys that are no longer used.",
  });
}
