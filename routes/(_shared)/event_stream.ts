/** Answers with a stream of server-sent events. */
import { SSE_HEADERS } from "../../core/updates/sse.ts";
import type { Subscribed } from "../../core/updates/hub.ts";
import { problem } from "./problem.ts";

/** What a browser sends when it reconnects; `lastEventId` in the query for clients that can't set the header. */
export function lastEventIdOf(request: Request): string | null {
  return request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("lastEventId");
}

export function eventStream(subscribed: Subscribed): Response {
  if (subscribed.ok) return new Response(subscribed.stream, { headers: SSE_HEADERS });
  return problem({
    status: 503,
    code: "too_many_streams",
    title: "Too many streams of live updates",
    detail: `This instance serves at most ${subscribed.maxClients} of them at once.`,
    remedy: "Close pages that are not looked at, or raise GREENROOM_MAX_SSE_CLIENTS.",
    headers: { "retry-after": "5" },
  });
}
