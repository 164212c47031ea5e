import { parseTopics } from "../../../core/updates/topics.ts";
import { define } from "../../(_shared)/define.ts";
import { accessOf, eventStream, lastEventIdOf } from "../../(_shared)/event_stream.ts";
import { partsOf } from "../../(_shared)/parts.ts";
import { problem } from "../../(_shared)/problem.ts";

/** Live updates of the topics asked for: `?topics=dispatches,fleet,load,rooms,dispatch:<id>` (core/updates/topics.ts). */
export const handler = define.handlers({
  GET(ctx) {
    const parsed = parseTopics(ctx.url.searchParams.get("topics") ?? "");
    if (!parsed.ok) return invalidTopics(parsed.message);
    const { hub } = partsOf(ctx.state);
    return eventStream(
      hub.subscribe({ topics: parsed.topics, lastEventId: lastEventIdOf(ctx.req), access: accessOf(ctx) }),
    );
  },
});

function invalidTopics(message: string): Response {
  return problem({
    status: 400,
    code: "invalid_request",
    title: "The request is not valid",
    detail: `topics: ${message}`,
    remedy: "For example ?topics=dispatches,fleet.",
    errors: [{ path: "topics", message }],
  });
}
