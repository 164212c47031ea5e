import { listLosses } from "../../../db/losses.ts";
import { define } from "../../(_shared)/define.ts";
import { readCursor, readQuery } from "../../(_shared)/input.ts";
import { lossListQuerySchema, nextCursor } from "../../(_shared)/list.ts";
import { viewOfLoss } from "../../(_shared)/loss_views.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Agents that were lost in their rooms, newest first, with the dead air until the next one was ready. */
export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, lossListQuerySchema);
    if (!query.ok) return query.response;
    const cursor = readCursor(query.value.cursor);
    if (!cursor.ok) return cursor.response;
    const { limit, agent = null, dispatchId = null } = query.value;
    const rows = await listLosses(partsOf(ctx.state).database, { limit, cursor: cursor.value, agent, dispatchId });
    return Response.json({
      items: rows.map(viewOfLoss),
      nextCursor: nextCursor(rows.map(({ id, lostAt }) => ({ id, createdAt: lostAt })), limit),
    });
  },
});
