/** From what was registered to the table of routes, each with its chain; and the answer of one request. */
import type { Build } from "./build.ts";
import { type Chain, composeChain, covers, type LevelStep } from "./chain.ts";
import type { Context } from "./context.ts";
import { type FileRoute, readFileRoutes } from "./file_routes.ts";
import type { HandlerFn, Method, Route } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { joinPath, levelOf } from "./request.ts";
import { runRoute } from "./route_runner.ts";
import { Router } from "./router.ts";

/** A route registered by hand, or one file. */
export interface RouteStep {
  kind: "route";
  order: number;
  pattern: string;
  /** Where it lies among the levels. */
  place: readonly string[];
  route: Route<unknown> | { method: Method | null; links: HandlerFn<unknown, unknown>[] };
}

export interface FilesStep {
  kind: "files";
  order: number;
  base: string;
}

export type Step = LevelStep | RouteStep | FilesStep;
// Fractions put the files between the step `fsRoutes()` and the next one.
const FILE_LEVEL = 0.25;
const FILE_ROUTE = 0.5;

export interface RouteTable {
  router: Router;
  /** The root level only, for what no route answers. */
  rootChain: (leaf: HandlerFn<unknown, unknown>) => Chain;
}

export async function answer(ctx: Context<unknown>, { router, rootChain }: RouteTable): Promise<Response> {
  let match;
  try {
    match = router.match(ctx.url.pathname);
  } catch (error) {
    return await rootChain(fail(new HttpError(400, "Malformed escape in the path", { cause: error })))(ctx);
  }
  if (match === null) return await rootChain(fail(new HttpError(404)))(ctx);
  const { entry, params } = match;
  const method = ctx.req.method;
  const chain = entry.chains.get(method) ?? (method === "HEAD" ? entry.chains.get("GET") : undefined) ??
    entry.anyMethod;
  if (chain !== null) {
    ctx.params = params;
    ctx.route = entry.pattern;
    return await chain(ctx);
  }
  if (!entry.isStrict) return await rootChain(fail(new HttpError(404)))(ctx);
  const allow = [...entry.chains.keys()].join(", ");
  if (method === "OPTIONS") return await rootChain(() => new Response(null, { status: 204, headers: { allow } }))(ctx);
  return await rootChain(fail(new HttpError(405)))(ctx);
}

function fail(error: HttpError): HandlerFn<unknown, unknown> {
  return () => Promise.reject(error);
}

/** Replaces `fsRoutes()` by the files' special files and routes, which count as registered at that point. */
function expandFiles(steps: readonly Step[], files: Build["routes"]): (LevelStep | RouteStep)[] {
  return steps.flatMap((step) => {
    if (step.kind !== "files") return [step];
    const { order, base } = step;
    const prefix = levelOf(base);
    const read = readFileRoutes(files);
    const levelSteps = read.steps.map((body) => {
      const level = body.kind === "app" || body.kind === "notFound" ? body.level : [...prefix, ...body.level];
      return { ...body, level, order: order + FILE_LEVEL } as LevelStep;
    });
    return [...levelSteps, ...read.routes.map((file) => fileStep(file, base, order + FILE_ROUTE))];
  });
}

function fileStep({ pattern, directory, route }: FileRoute, base: string, order: number): RouteStep {
  return { kind: "route", order, pattern: joinPath(base, pattern), place: [...levelOf(base), ...directory], route };
}

export function buildRouteTable(registered: readonly Step[], files: Build["routes"], basePath: string): RouteTable {
  const steps = expandFiles(registered, files);
  const router = new Router();
  const levelSteps = steps.filter((step) => step.kind !== "route");
  for (const step of steps) {
    if (step.kind !== "route") continue;
    // A file belongs to its directory's level, but what an app registers for a path covers the files at that path too.
    const byPattern = levelOf(step.pattern);
    const applicable = levelSteps.filter(({ level, order }) =>
      order < step.order && (covers(level, step.place) || (Number.isInteger(order) && covers(level, byPattern)))
    );
    addRoute(router, joinPath(basePath, step.pattern), step, applicable);
  }
  const rootSteps = levelSteps.filter((step) => step.level.length === 0);
  const rootChain = (leaf: HandlerFn<unknown, unknown>) =>
    composeChain(rootSteps, [(ctx) => runRoute(ctx, leaf, undefined, {})]);
  return { router, rootChain };
}

function addRoute(router: Router, pattern: string, { route }: RouteStep, steps: readonly LevelStep[]): void {
  const chain = (handler: HandlerFn<unknown, unknown> | null, own: Route<unknown> = {}) =>
    composeChain(steps, [(ctx) => runRoute(ctx, handler, own.component, own.config ?? {})]);
  if ("links" in route) {
    if (route.links.length === 0) throw new Error(`Cannot add route "${pattern}": it has no handler`);
    const links = route.links.map((link): Chain => (ctx) => runRoute(ctx, link, undefined, {}));
    return router.add(pattern, route.method, composeChain(steps, links), true);
  }
  if (route.handler === undefined || typeof route.handler === "function") {
    if (route.handler === undefined && route.component === undefined) return;
    return router.add(pattern, null, chain(route.handler ?? null, route), false);
  }
  for (const [method, handler] of Object.entries(route.handler)) {
    router.add(pattern, method, chain(handler, route), false);
  }
  if (route.component !== undefined) router.add(pattern, "GET", chain(null, route), false);
}
