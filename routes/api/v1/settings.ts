import { VERSION } from "../../../core/config/version.ts";
import { requireRole } from "../../(_shared)/access.ts";
import { define } from "../../(_shared)/define.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Every setting with its value and where that comes from (secrets are only said to be set), and the storage used. */
export const handler = define.handlers({
  async GET(ctx) {
    const refused = requireRole(ctx, "admin", "settings.list");
    if (refused) return refused;
    const { settings, storage, instanceId } = partsOf(ctx.state);
    return Response.json({ version: VERSION, instanceId, settings, storage: await storage.read() });
  },
});
