import { viewOfJob } from "../../../../core/dispatch/dispatch_view.ts";
import { listJobs } from "../../../../db/dispatch_reads.ts";
import { define } from "../../../(_shared)/define.ts";
import { readCursor, readQuery } from "../../../(_shared)/input.ts";
import { jobListQuerySchema, nextCursor } from "../../../(_shared)/list.ts";
import { partsOf } from "../../../(_shared)/parts.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, jobListQuerySchema);
    if (!query.ok) return query.response;
    const { limit, cursor: cursorText, ...filter } = query.value;
    const cursor = readCursor(cursorText);
    if (!cursor.ok) return cursor.response;
    const found = await listJobs(partsOf(ctx.state).database.reads, { limit, cursor: cursor.value }, filter);
    return Response.json({ items: found.map(viewOfJob), nextCursor: nextCursor(found, limit) });
  },
});
