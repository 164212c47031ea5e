import { findJob } from "../../../../../db/dispatch_reads.ts";
import { listJobLogs } from "../../../../../db/job_logs.ts";
import { define } from "../../../../(_shared)/define.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { logListQuerySchema } from "../../../../(_shared)/list.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

/** A job's output, oldest first; lines still in the buffer are written before the answer. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const query = readQuery(ctx.url, logListQuerySchema);
    if (!query.ok) return query.response;
    const { database, logs } = partsOf(ctx.state);
    if (!isUuid(id) || !await findJob(database, id)) return noSuchJob(id);
    await logs.flush();
    const { limit, cursor } = query.value;
    const lines = await listJobLogs(database, id, cursor, limit);
    const items = lines.map((line) => ({ ...line, at: line.at.toISOString() }));
    return Response.json({ items, nextCursor: lines.length === limit ? String(lines.at(-1)?.id) : null });
  },
});
