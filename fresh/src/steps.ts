/**
 * What an app registers, and the chain that a route gets from the steps before it. From the outside in, for each level
 * from the root down to the route's directory: the level's app wrapper and layouts take effect, its error pages stand
 * guard, its middlewares run; then the route itself. An error goes outward as a rejected `ctx.next()` until a level's
 * error page takes it; that page lies outside the middlewares of its own level.
 */
import { type Context, INTERNALS, type Scope } from "./context.ts";
import type { AnyComponent, HandlerFn, LayoutConfig, Method, Route } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { runRoute } from "./render.ts";

export type Handler = HandlerFn<unknown, unknown>;
export type Link = (ctx: Context<unknown>) => Response | Promise<Response>;
export type Chain = (ctx: Context<unknown>) => Promise<Response>;

/** The order in which the steps of one level take effect, whatever the order they were registered in. */
const KINDS = ["app", "layout", "error", "notFound", "middleware"] as const;

/** Something for all routes at or under a level: "" is the root, "/foo" is what lies at or under it. */
export interface LevelStep {
  kind: typeof KINDS[number];
  level: string;
  run: Link;
  /** The level is a directory of files, which a route lies in by its file and not by its pattern. */
  isOfFiles?: boolean;
}

export interface RouteStep {
  kind: "route";
  pattern: string;
  /** The directory of its file; the pattern when there is none. */
  place: string;
  method: string;
  /** Answers 405 to methods without a handler, and OPTIONS; what a file or `route` stands for answers 404 to both. */
  isStrict: boolean;
  links: Link[];
}

/** Stands where `fsRoutes()` was called until the files are known. */
export interface FilesStep {
  kind: "files";
  base: string;
}

export type Step = LevelStep | RouteStep | FilesStep;

/** In place of a method: all that the route has no handler for. */
export const ANY_METHOD = "*";

export function appStep(component: AnyComponent): LevelStep {
  return { kind: "app", level: "", run: changeScope(({ layouts }) => ({ app: component, layouts })) };
}

export function layoutStep(level: string, component: AnyComponent, config: LayoutConfig): LevelStep {
  const run = changeScope(({ app, layouts }) => ({
    app: config.skipAppWrapper ? null : app,
    layouts: config.skipInheritedLayouts ? [component] : [...layouts, component],
  }));
  return { kind: "layout", level, run };
}

/** An error page's status is the HttpError's, else 500; its own handler may give another. */
export function errorStep(kind: "error" | "notFound", level: string, page: Route<unknown> | Handler): LevelStep {
  const route = typeof page === "function" ? { handler: page } : page;
  const run: Link = async (ctx) => {
    try {
      return await ctx.next();
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      if (kind === "notFound" && status !== 404) throw error;
      ctx.error = error;
      const { handler } = route;
      const own = typeof handler === "object" ? pickMethod((method) => handler[method as Method], ctx) : handler;
      return await runRoute(ctx, own ?? null, route, status);
    }
  };
  return { kind, level, run };
}

/** One step for each method that the route has a handler for. */
export function routeSteps(pattern: string, route: Route<unknown>, place = pattern): RouteStep[] {
  const { handler, component } = route;
  const step = (method: string, run: Handler | null): RouteStep => (
    { kind: "route", pattern, place, method, isStrict: false, links: [(ctx) => runRoute(ctx, run, route)] }
  );
  if (typeof handler === "object") {
    const byMethod = Object.entries(handler).map(([method, run]) => step(method, run));
    return component === undefined ? byMethod : [...byMethod, step("GET", null)];
  }
  return handler === undefined && component === undefined ? [] : [step(ANY_METHOD, handler ?? null)];
}

/** HEAD uses GET's unless it has its own. */
export function pickMethod<Found>(find: (method: string) => Found | undefined, { req }: Context<unknown>) {
  return find(req.method) ?? (req.method === "HEAD" ? find("GET") : undefined);
}

/** True when `step`, registered before a route, applies to it. */
export function covers({ level, isOfFiles }: LevelStep, { pattern, place }: RouteStep): boolean {
  return `${isOfFiles ? place : pattern}/`.startsWith(`${level}/`);
}

/** Depth beats registration order: the root's middlewares run before those of `/foo`, even if registered later. */
export function composeChain(steps: readonly LevelStep[], links: readonly Link[]): Chain {
  const depthOf = ({ level }: LevelStep) => level.split("/").length;
  const ordered = steps.toSorted((a, b) => depthOf(a) - depthOf(b) || KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  const all = [...ordered.map(({ run }) => run), ...links];
  return (ctx) => invoke(all, 0, ctx);
}

async function invoke(links: readonly Link[], index: number, ctx: Context<unknown>): Promise<Response> {
  const link = links[index];
  if (link === undefined) throw new Error("Cannot call next: this is the end of the chain");
  const outerNext = ctx.next;
  ctx.next = () => invoke(links, index + 1, ctx);
  try {
    const response: unknown = await link(ctx);
    if (response instanceof Response) return response;
    throw new TypeError(
      `Cannot answer ${ctx.req.method} ${ctx.url.pathname}: a handler or middleware gave no Response`,
    );
  } finally {
    ctx.next = outerNext;
  }
}

function changeScope(change: (scope: Scope) => Scope): Link {
  return async (ctx) => {
    const internals = ctx[INTERNALS];
    const outer = internals.scope;
    internals.scope = change(outer);
    try {
      return await ctx.next();
    } finally {
      internals.scope = outer;
    }
  };
}
