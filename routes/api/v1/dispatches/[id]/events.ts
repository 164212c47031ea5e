import { pastEvents } from "../../../../../core/dispatch/dispatch_updates.ts";
import { viewOfDispatch } from "../../../../../core/dispatch/dispatch_view.ts";
import { dispatchTopic } from "../../../../../core/updates/topics.ts";
import { findDispatch } from "../../../../../db/dispatch_reads.ts";
import { define } from "../../../../(_shared)/define.ts";
import { accessOf, eventStream, lastEventIdOf } from "../../../../(_shared)/event_stream.ts";
import { isUuid } from "../../../../(_shared)/input.ts";
import { partsOf } from "../../../../(_shared)/parts.ts";
import { refusalProblem } from "../../../../(_shared)/refusal_problem.ts";

/**
 * One dispatch: what has happened so far, then what happens, until `end`. A client that resumes gets what it missed; one
 * that reconnects after the end gets 204, which tells a browser to stop.
 */
export const handler = define.handlers({
  async GET(ctx) {
    const id = ctx.params.id ?? "";
    const { live, database, hub, events } = partsOf(ctx.state);
    const before = hub.lastId;
    const stored = live.find(id) || !isUuid(id) ? null : await findDispatch(database, id);
    // Looked up again: it may have begun here meanwhile, or even ended. From here on nothing is awaited.
    const view = live.find(id)?.view ?? (stored && viewOfDispatch(stored));
    if (!view) return refusalProblem({ code: "not_found", dispatchId: id });
    const listening = { topics: [dispatchTopic(id)], lastEvent: "end", access: accessOf(ctx) };
    const lastEventId = lastEventIdOf(ctx.req);
    const missed = lastEventId === null ? null : hub.missed(listening.topics, lastEventId);
    events.shown(view);
    if (missed === null) {
      const since = stored ? before : null;
      return eventStream(hub.subscribe({ ...listening, lastEventId: since, replay: pastEvents(view) }));
    }
    if (missed.length === 0 && view.stages.endedAt !== null) return new Response(null, { status: 204 });
    return eventStream(hub.subscribe({ ...listening, lastEventId }));
  },
});
