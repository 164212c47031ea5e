import { parseLogPosition } from "../../../../../core/updates/job_log_stream.ts";
import { findJob } from "../../../../../db/dispatch_reads.ts";
import { listJobLogs } from "../../../../../db/job_logs.ts";
import { define } from "../../../../(_shared)/define.ts";
import { accessOf, eventStream, lastEventIdOf } from "../../../../(_shared)/event_stream.ts";
import { isUuid, readQuery } from "../../../../(_shared)/input.ts";
import { logListQuerySchema } from "../../../../(_shared)/list.ts";
import { noSuchJob } from "../../../../(_shared)/no_such_job.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";

/**
 * A job's output, oldest first: a page as JSON (lines still in the buffer are written before the answer), or, when
 * `text/event-stream` is asked for, all of it from `cursor` or Last-Event-ID on, followed to the job's end. A client that
 * reconnects after the end gets 204, which tells a browser to stop.
 */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const query = readQuery(ctx.url, logListQuerySchema);
    if (!query.ok) return query.response;
    const { database, logs, logStreams } = partsOf(ctx.state);
    if (!isUuid(id) || !await findJob(database, id)) return noSuchJob(id);
    const { limit, cursor } = query.value;
    if (ctx.req.headers.get("accept")?.includes("text/event-stream")) {
      const position = parseLogPosition(lastEventIdOf(ctx.req) ?? "") ?? { afterId: cursor, hasEnded: false };
      if (position.hasEnded) return new Response(null, { status: 204 });
      return eventStream(logStreams.follow(id, position.afterId, accessOf(ctx)));
    }
    await logs.flush();
    const lines = await listJobLogs(database, id, cursor, limit);
    const items = lines.map((line) => ({ ...line, at: line.at.toISOString() }));
    return Response.json({ items, nextCursor: lines.length === limit ? String(lines.at(-1)?.id) : null });
  },
});
