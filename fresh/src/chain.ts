/**
 * What an app registers, and the chain that a route gets from the steps before it. From the outside in, for each level
 * from the root down to the route's directory: the level's app wrapper and layouts take effect, its error pages stand
 * guard, its middlewares run; then the route itself. An error goes outward as a rejected `ctx.next()` until a level's
 * error page takes it; that page lies outside the middlewares of its own level.
 */
import type { Context } from "./context.ts";
import { type HandlerFn, INTERNALS, type Route, type Scope } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { runRoute } from "./render.ts";

export type Handler = HandlerFn<unknown, unknown>;
export type Link = (ctx: Context<unknown>) => Response | Promise<Response>;
export type Chain = (ctx: Context<unknown>) => Promise<Response>;

/** The order in which the steps of one level take effect, whatever the order they were registered in. */
const KINDS = ["scope", "error", "notFound", "middleware"];

/** Something for all routes at or under a level: "" is the root, "/foo" is what lies at or under it. */
export type LevelStep =
  & {
    level: string;
    /** The level is a directory of files, which a route lies in by its file and not by its pattern. */
    isOfFiles?: boolean;
  }
  & ({ kind: "scope"; change: (outer: Scope) => Scope } | { kind: "error" | "notFound" | "middleware"; run: Link });

export interface RouteStep {
  kind: "route";
  pattern: string;
  /** The directory of its file; the pattern when there is none. */
  level: string;
  method: string;
  links: Link[];
}

/** Stands where `fsRoutes()` was called until the files are known. */
export interface FilesStep {
  kind: "files";
  level: string;
}

export type Step = LevelStep | RouteStep | FilesStep;

/** In place of a method: all that the route has no handler for. */
export const ANY_METHOD = "*";

/** Joins paths and patterns: one slash in front, none at the end. */
export function joinPath(...parts: string[]): string {
  return "/" + parts.join("/").split("/").filter((segment) => segment !== "").join("/");
}

/** The level of a path, "" for the root. A trailing "*" says "and below", which a level means anyway. */
export function levelOf(...parts: string[]): string {
  return joinPath(...parts).replace(/\/\*?$/, "");
}

/** An error page's status is the HttpError's, else 500; its own handler may give another. */
export function errorStep(kind: "error" | "notFound", level: string, page: Route<unknown> | Handler): LevelStep {
  const route = typeof page === "function" ? { handler: page } : page;
  const handlers = handlersOf(route);
  const run: Link = async (ctx) => {
    try {
      return await ctx.next();
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      if (kind === "notFound" && status !== 404) throw error;
      ctx.error = error;
      return await runRoute(ctx, pickByMethod(handlers, ctx) ?? showPage, route, status);
    }
  };
  return { kind, level, run };
}

/** One step for each method that the route has a handler for. */
export function routeSteps(pattern: string, route: Route<unknown>, level = pattern): RouteStep[] {
  return [...handlersOf(route)].map(([method, handler]) => (
    { kind: "route", pattern, level, method, links: [(ctx) => runRoute(ctx, handler, route)] }
  ));
}

const showPage: Handler = () => ({ data: {} });

/** A component answers all methods when there is no handler, and GET beside handlers by method that lack it. */
function handlersOf({ component, handler = showPage }: Route<unknown>): ReadonlyMap<string, Handler> {
  if (typeof handler === "function") return new Map([[ANY_METHOD, handler]]);
  return new Map(Object.entries(component === undefined ? handler : { GET: showPage, ...handler }));
}

/** HEAD uses GET's unless it has its own. */
export function pickByMethod<Found>(found: ReadonlyMap<string, Found>, { req }: Context<unknown>): Found | undefined {
  return found.get(req.method) ?? (req.method === "HEAD" ? found.get("GET") : undefined) ?? found.get(ANY_METHOD);
}

/** True when `step`, registered before a route, applies to it. */
export function covers(step: LevelStep, { pattern, level }: RouteStep): boolean {
  return `${step.isOfFiles ? level : pattern}/`.startsWith(`${step.level}/`);
}

/** Depth beats registration order: the root's middlewares run before those of `/foo`, even if registered later. */
export function composeChain(steps: readonly LevelStep[], links: readonly Link[]): Chain {
  const depthOf = ({ level }: LevelStep) => level.split("/").length;
  const ordered = steps.toSorted((a, b) => depthOf(a) - depthOf(b) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  let scope: Scope = { app: null, layouts: [] };
  const chain: Place[] = [];
  for (const step of ordered) {
    if (step.kind === "scope") scope = step.change(scope);
    else chain.push({ run: step.run, scope });
  }
  for (const run of links) chain.push({ run, scope });
  return (ctx) => runFrom(chain, 0, ctx);
}

/** A link, and what is in effect around the pages that it renders. */
type Place = { run: Link; scope: Scope };

async function runFrom(chain: readonly Place[], index: number, ctx: Context<unknown>): Promise<Response> {
  const place = chain[index];
  if (place === undefined) throw new Error("Cannot call next: this is the end of the chain");
  const outer = { next: ctx.next, scope: ctx[INTERNALS].scope };
  ctx.next = () => runFrom(chain, index + 1, ctx);
  ctx[INTERNALS].scope = place.scope;
  try {
    const response: unknown = await place.run(ctx);
    if (response instanceof Response) return response;
    throw new TypeError(
      `Cannot answer ${ctx.req.method} ${ctx.url.pathname}: a handler or middleware gave no Response`,
    );
  } finally {
    ctx.next = outer.next;
    ctx[INTERNALS].scope = outer.scope;
  }
}
