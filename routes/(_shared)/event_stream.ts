/** Answers with a stream of server-sent events. */
import type { Context } from "fresh";
import { digestOf } from "../../core/auth/secrets.ts";
import { readSessionCookie } from "../../core/auth/session_cookie.ts";
import type { StreamAccess } from "../../core/updates/audience.ts";
import { SSE_HEADERS } from "../../core/updates/sse.ts";
import type { State } from "./define.ts";
import type { Subscribed } from "../../core/updates/hub.ts";
import { problem } from "./problem.ts";

/** What a browser sends when it reconnects; `lastEventId` in the query for clients that can't set the header. */
export function lastEventIdOf(request: Request): string | null {
  return request.headers.get("last-event-id") ?? new URL(request.url).searchParams.get("lastEventId");
}

/** The key or session that this request came with: its stream ends when that does. */
export function accessOf({ req, state }: Pick<Context<State>, "req" | "state">): StreamAccess | null {
  const { apiKeys, sessions } = state.controlPlane.auth;
  const authorization = req.headers.get("authorization");
  if (authorization !== null) {
    return { key: digestOf(authorization), isOpen: () => apiKeys.isValid(authorization) };
  }
  const cookie = readSessionCookie(req.headers);
  if (cookie === null || sessions === null) return null;
  return { key: digestOf(cookie), isOpen: () => sessions.isOpen(cookie) };
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
