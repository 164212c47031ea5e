/**
 * The chain of one route, from the outside in. For each level from the root down to the route's directory: the level's
 * app wrapper and layout take effect, its error page stands guard, its middlewares run; then the route itself. An error
 * goes outward as a rejected `ctx.next()` until a level's error page takes it; that page lies outside the middlewares of
 * its own level.
 */
import { type AnyComponent, type Context, type LayoutConfig, SCOPE, type Scope } from "./context.ts";
import { HttpError } from "./http_error.ts";
import { runErrorRoute } from "./route_runner.ts";
import type { Middleware, Route } from "./handlers.ts";

type Link = (ctx: Context<unknown>) => Response | Promise<Response>;
export type Chain = (ctx: Context<unknown>) => Promise<Response>;
export type ErrorRoute = Route<unknown> | Middleware<unknown>;

/** Something registered for all routes at or under a level. */
export type LevelStep =
  & { level: readonly string[]; order: number }
  & (
    | { kind: "middleware"; run: Middleware<unknown> }
    | { kind: "layout"; component: AnyComponent; config: LayoutConfig }
    | { kind: "app"; component: AnyComponent }
    | { kind: "error"; route: ErrorRoute }
    | { kind: "notFound"; route: ErrorRoute }
  );

/**
 * `steps` must be those that apply to the route, in registration order. Depth beats registration order: the root's
 * middlewares run before those of `/foo`, even if registered later.
 */
export function composeChain(steps: readonly LevelStep[], leaves: readonly Link[]): Chain {
  const depths = [...new Set(steps.map((step) => step.level.length))].sort((a, b) => a - b);
  const links: Link[] = [];
  let scope: Scope = { app: null, layouts: [] };
  for (const depth of depths) {
    const level = steps.filter((step) => step.level.length === depth);
    scope = enterScope(scope, level);
    links.push(guardLevel(scope, level));
    for (const step of level) if (step.kind === "middleware") links.push(step.run);
  }
  links.push(...leaves);
  return (ctx) => invoke(links, 0, ctx);
}

/** True when a step registered for `level` applies to a route that lies at `place`. */
export function covers(level: readonly string[], place: readonly string[]): boolean {
  return level.length <= place.length && level.every((segment, index) => segment === place[index]);
}

async function invoke(links: readonly Link[], index: number, ctx: Context<unknown>): Promise<Response> {
  const link = links[index];
  if (link === undefined) throw new Error("Cannot call next: this is the end of the chain");
  const outerNext = ctx.next;
  ctx.next = () => invoke(links, index + 1, ctx);
  try {
    const response = await link(ctx);
    if (!(response instanceof Response)) {
      throw new TypeError(
        `Cannot answer ${ctx.req.method} ${ctx.url.pathname}: a handler or middleware gave no Response`,
      );
    }
    return response;
  } finally {
    ctx.next = outerNext;
  }
}

function enterScope(outer: Scope, level: readonly LevelStep[]): Scope {
  let { app, layouts } = outer;
  for (const step of level) {
    if (step.kind === "app") app = step.component;
    if (step.kind !== "layout") continue;
    if (step.config.skipAppWrapper) app = null;
    layouts = step.config.skipInheritedLayouts ? [step.component] : [...layouts, step.component];
  }
  return { app, layouts };
}

function guardLevel(scope: Scope, level: readonly LevelStep[]): Link {
  const errorRoute = level.findLast((step) => step.kind === "error")?.route;
  const notFoundRoute = level.findLast((step) => step.kind === "notFound")?.route;
  return async (ctx) => {
    const outer = ctx[SCOPE];
    ctx[SCOPE] = scope;
    try {
      return await ctx.next();
    } catch (error) {
      const isMissing = error instanceof HttpError && error.status === 404;
      const route = (isMissing ? notFoundRoute : undefined) ?? errorRoute;
      if (route === undefined) throw error;
      ctx[SCOPE] = scope;
      ctx.error = error;
      return await runErrorRoute(ctx, route, error);
    } finally {
      ctx[SCOPE] = outer;
    }
  };
}
