import { sinceMs } from "../../../components/jobs/query.ts";
import { listFailureGroups } from "../../../db/failure_groups.ts";
import { define } from "../../(_shared)/define.ts";
import { readQuery } from "../../(_shared)/input.ts";
import { failureGroupQuerySchema } from "../../(_shared)/list.ts";
import { partsOf } from "../../(_shared)/parts.ts";

/** Jobs that failed, grouped by error, the largest group first: what a bulk retry can name. */
export const handler = define.handlers({
  async GET(ctx) {
    const query = readQuery(ctx.url, failureGroupQuerySchema);
    if (!query.ok) return query.response;
    const now = new Date();
    const since = new Date(now.getTime() - (sinceMs(query.value.since) ?? 0));
    const groups = await listFailureGroups(partsOf(ctx.state).database.reads, since, now);
    const items = groups.map(({ buckets: _, ...group }) => ({ ...group, since: since.toISOString() }));
    return Response.json({ items, nextCursor: null });
  },
});
