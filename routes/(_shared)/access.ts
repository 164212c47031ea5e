/**
 * Who may ask what, and what is written about it. Everything needs an API key or a session but the paths named here
 * (architecture.md 3); what is more than reading also calls `requireRole` where it is done. `routes/_middleware.ts` calls
 * the rest.
 */
import type { Context } from "fresh";
import { hostNameOf, isLoopbackAddress, isLoopbackName } from "../../core/auth/host_policy.ts";
import { includesRole, type Principal } from "../../core/auth/principal.ts";
import type { Role } from "../../db/schema/states.ts";
import type { State } from "./define.ts";
import { problem } from "./problem.ts";

type RequestContext = Pick<Context<State>, "req" | "url" | "state" | "params" | "route" | "info">;

const OPEN_PATHS = new Set(["/health", "/ready", "/api/v1/openapi.json", "/livekit/webhook", "/sign-in"]);
/** Programs ask here: they are answered by problem details, not sent to the sign-in page. */
const API_PATH = /^\/(api|v1|livekit|health|ready|metrics)(\/|$)/;

export function isOpen(pathname: string): boolean {
  return OPEN_PATHS.has(pathname.length > 1 ? pathname.replace(/\/$/, "") : pathname);
}

export function isApiPath(pathname: string): boolean {
  return API_PATH.test(pathname);
}

/** Whether a person waits for the answer in a browser, not a program. */
export function wantsPage({ req, url }: Pick<RequestContext, "req" | "url">): boolean {
  return !isApiPath(url.pathname) && (req.headers.get("accept") ?? "").includes("text/html");
}

/**
 * Null when the asker's role includes `role`, else the response: to the sign-in page or 401 for nobody, 403 for too small
 * a role. Names what is done for the audit log: every write is recorded with the outcome that its answer's status tells,
 * and so is every refusal. `target` is the route's id unless given.
 */
export function requireRole(ctx: RequestContext, role: Role, action?: string, target?: string): Response | null {
  const { principal } = ctx.state;
  ctx.state.audit = { action: action ?? unnamedAction(ctx), target: target ?? ctx.params.id ?? null };
  if (principal === null) return isApiPath(ctx.url.pathname) ? unauthorized() : toSignIn(ctx);
  return includesRole(principal.role, role) ? null : forbidden(principal, role);
}

/** It was done, whatever the answer's status will say (a wait that runs out is 504). `target` when it was made only now. */
export function noteDone({ audit }: State, target?: string): void {
  if (audit === undefined) return;
  audit.outcome = "ok";
  if (target !== undefined) audit.target = target;
}

export function unnamedAction({ req, route, url }: Pick<RequestContext, "req" | "route" | "url">): string {
  return `${req.method} ${route ?? url.pathname}`.slice(0, 200);
}

/** Whether the request was made on this machine, by its loopback name, and not through a proxy that runs on it. */
export function isLoopbackRequest({ req, info }: Pick<RequestContext, "req" | "info">): boolean {
  if (["forwarded", "x-forwarded-for", "x-real-ip", "via"].some((name) => req.headers.has(name))) return false;
  return isLoopbackAddress(addressOf(info)) && isLoopbackName(hostNameOf(hostOf(req)) ?? "");
}

/** The other end's address; a proxy's when there is one, because anyone can write X-Forwarded-For. */
export function addressOf({ remoteAddr }: Deno.ServeHandlerInfo): string {
  return "hostname" in remoteAddr ? remoteAddr.hostname : "local";
}

/** The Host that the request names (HTTP/2 has it in the URL only). */
export function hostOf(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/** The sign-in page, which leads back here when here can be asked for again. */
export function toSignIn({ req, url }: Pick<RequestContext, "req" | "url">): Response {
  const isReading = req.method === "GET" || req.method === "HEAD";
  const next = isReading ? url.pathname + url.search : "/";
  const location = next === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`;
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store" } });
}

export function unauthorized(): Response {
  return problem({
    status: 401,
    code: "unauthorized",
    title: "An API key is needed",
    detail: "The request has no valid API key.",
    remedy:
      "Send Authorization: Bearer <key>. The key is GREENROOM_API_KEY, or in the file whose path is printed at start.",
    headers: { "www-authenticate": 'Bearer realm="greenroom"' },
  });
}

export function tooManyAttempts(retryAfterSeconds: number): Response {
  return problem({
    status: 429,
    code: "too_many_attempts",
    title: "Too many wrong keys",
    detail: "Several different wrong keys came from this address.",
    remedy: `Try again in ${retryAfterSeconds} s, with the right key.`,
    headers: { "retry-after": String(retryAfterSeconds) },
  });
}

function forbidden(principal: Principal, role: Role): Response {
  return problem({
    status: 403,
    code: "forbidden",
    title: "Your role does not allow this",
    detail: `This needs the role ${role}; "${principal.name}" is ${principal.role}.`,
    remedy: `Use a key with the role ${role}, or ask an admin for one.`,
  });
}

/** For the history: "rest:<key name>", or "dashboard:<name>" for a signed-in browser. */
export function actorOf(principal: Principal | null): string {
  if (principal === null) return "anonymous";
  return `${principal.via === "session" ? "dashboard" : "rest"}:${principal.name}`;
}

/** Where a dispatch came from. */
export function originOf(principal: Principal | null): "rest" | "dashboard" {
  return principal?.via === "session" ? "dashboard" : "rest";
}
