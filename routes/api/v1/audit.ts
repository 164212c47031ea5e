import { listAuditRows } from "../../../db/audit_log.ts";
import { requireRole } from "../../(_shared)/access.ts";
import { define } from "../../(_shared)/define.ts";
import { readCursor, readQuery } from "../../(_shared)/input.ts";
import { auditListQuerySchema, nextCursor } from "../../(_shared)/list.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Who asked for which write and what became of it, newest first; what was asked just now included. */
export const handler = define.handlers({
  async GET(ctx) {
    const refused = requireRole(ctx, "admin", "audit.list");
    if (refused) return refused;
    const query = readQuery(ctx.url, auditListQuerySchema);
    if (!query.ok) return query.response;
    const cursor = readCursor(query.value.cursor);
    if (!cursor.ok) return cursor.response;
    await ctx.state.controlPlane.auth.audit.flush();
    const { limit } = query.value;
    const rows = await listAuditRows(partsOf(ctx.state).database, { limit, cursor: cursor.value });
    const items = rows.map((row) => ({ ...row, at: row.at.toISOString() }));
    return Response.json({
      items,
      nextCursor: nextCursor(rows.map(({ at, id }) => ({ id, createdAt: at })), limit),
    });
  },
});
