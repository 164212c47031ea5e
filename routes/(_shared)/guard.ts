/**
 * What every request passes, in this order: the Host it names, who asks, and for writes of a signed-in browser where they
 * come from. Requests with an Authorization header are judged by it alone: no other site can add one, so they need no
 * CSRF token, and a wrong key is not rescued by a cookie.
 */
import type { Context } from "fresh";
import { isFromOwnPages } from "../../core/auth/origin_check.ts";
import { isSameDigest } from "../../core/auth/secrets.ts";
import { readSessionCookie } from "../../core/auth/session_cookie.ts";
import {
  addressOf,
  hostOf,
  isApiPath,
  isLoopbackRequest,
  isOpen,
  tooManyAttempts,
  toSignIn,
  unauthorized,
} from "./access.ts";
import type { State } from "./define.ts";
import { readText } from "./input.ts";
import { problem } from "./problem.ts";

const CSRF_HEADER = "x-greenroom-csrf";
const CSRF_FIELD = "csrf";
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);
/** Paths that ask for nothing private; probes call them under any name. */
const PROBE_PATHS = new Set(["/health", "/ready"]);
/** Answered without looking for a session: they must work while the database is away, and don't ask who it is. */
const COOKIELESS_PATHS = new Set([...PROBE_PATHS, "/livekit/webhook", "/api/v1/openapi.json"]);

export function isWrite(request: Request): boolean {
  return !SAFE_METHODS.has(request.method);
}

/** Puts who asks on the request; a response when it ends here. */
export async function guardRequest(ctx: Context<State>): Promise<Response | null> {
  ctx.state.principal = null;
  ctx.state.csrfToken = null;
  const authorization = ctx.req.headers.get("authorization");
  const needsNoName = authorization !== null || PROBE_PATHS.has(ctx.url.pathname);
  if (!ctx.state.controlPlane.auth.hosts.allows(hostOf(ctx.req), needsNoName)) return unknownHost(ctx);
  const isPathOpen = isOpen(ctx.url.pathname);
  if (authorization !== null && !isPathOpen) return await checkKey(ctx, authorization);
  await findSession(ctx);
  const isFree = isPathOpen || (ctx.url.pathname === "/metrics" && isLoopbackRequest(ctx));
  if (ctx.state.principal === null && !isFree) return nobody(ctx);
  if (!isWrite(ctx.req)) return null;
  const { auth } = ctx.state.controlPlane;
  if (!isFromOwnPages(ctx.req.headers, hostOf(ctx.req), auth.hosts)) return foreignOrigin();
  // Signing in again needs no token: it gives away nothing, and its own form may be older than the session.
  if (ctx.state.csrfToken === null || isPathOpen) return null;
  return await hasCsrfToken(ctx, ctx.state.csrfToken) ? null : missingToken();
}

async function checkKey(ctx: Context<State>, authorization: string): Promise<Response | null> {
  const verdict = await ctx.state.controlPlane.auth.checkKey(authorization, addressOf(ctx.info));
  if (verdict.kind === "limited") return tooManyAttempts(verdict.retryAfterSeconds);
  if (verdict.kind === "unknown") return unauthorized();
  ctx.state.principal = verdict.principal;
  return null;
}

async function findSession(ctx: Context<State>): Promise<void> {
  const cookie = readSessionCookie(ctx.req.headers);
  const { sessions } = ctx.state.controlPlane.auth;
  if (cookie === null || sessions === null || COOKIELESS_PATHS.has(ctx.url.pathname)) return;
  const session = await sessions.find(cookie);
  if (session === null) return;
  ctx.state.principal = session.principal;
  ctx.state.csrfToken = session.csrfToken;
}

function nobody(ctx: Context<State>): Response {
  const { sessions } = ctx.state.controlPlane.auth;
  if (sessions === null && readSessionCookie(ctx.req.headers) !== null) return stillStarting();
  return isApiPath(ctx.url.pathname) ? unauthorized() : toSignIn(ctx);
}

/** In the header, or in a form's field: then a copy of the body is read, so that the handler still finds its own. */
async function hasCsrfToken(ctx: Context<State>, expected: string): Promise<boolean> {
  const header = ctx.req.headers.get(CSRF_HEADER);
  if (header !== null) return isSameDigest(header, expected);
  if (!/^application\/x-www-form-urlencoded\b/i.test(ctx.req.headers.get("content-type") ?? "")) return false;
  const body = await readText(ctx.req.clone(), ctx.state.controlPlane.parts?.config.maxBodyBytes ?? 0);
  return body.ok && isSameDigest(new URLSearchParams(body.value).get(CSRF_FIELD) ?? "", expected);
}

function unknownHost(ctx: Context<State>): Response {
  const host = hostOf(ctx.req).slice(0, 200);
  return problem({
    status: 403,
    code: "unknown_host",
    title: "This server does not answer to that name",
    detail: `The request was sent to "${host}", which is not a name of this server.`,
    remedy: "Use its own address, or list the name in GREENROOM_ALLOWED_HOSTS.",
  });
}

function foreignOrigin(): Response {
  return problem({
    status: 403,
    code: "foreign_origin",
    title: "The request comes from another site",
    detail: "The browser says (Origin, Referer or Sec-Fetch-Site) that a page of another site sent this request.",
    remedy:
      "Use the dashboard's own pages. Behind a proxy, pass the Host header on or list the name in GREENROOM_ALLOWED_HOSTS.",
  });
}

function missingToken(): Response {
  return problem({
    status: 403,
    code: "csrf_token",
    title: "The request lacks its CSRF token",
    detail: "A write of a signed-in browser must carry the session's token, and this one has none or another one.",
    remedy: `Reload the page. Programs send the header ${CSRF_HEADER}, or use an API key instead of a session.`,
  });
}

function stillStarting(): Response {
  return problem({
    status: 503,
    code: "starting",
    title: "Greenroom is starting",
    detail: "Sessions can't be checked before the database is there; GET /ready tells when it is.",
    remedy: "Try again in a moment.",
    headers: { "retry-after": "1" },
  });
}
