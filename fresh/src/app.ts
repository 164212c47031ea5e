/** The application: what is registered, in order, and the handler made from it. */
import { type Build, EMPTY_BUILD } from "./build.ts";
import { type Chain, composeChain, covers, type ErrorRoute, type LevelStep } from "./chain.ts";
import {
  type AnyComponent,
  Context,
  type FreshConfig,
  type LayoutConfig,
  type ResolvedFreshConfig,
  type WebSocketHandlers,
  type WebSocketOptions,
} from "./context.ts";
import { type FileRoute, readFileRoutes } from "./file_routes.ts";
import type { HandlerFn, Method, Middleware, Route } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { loadBuild } from "./loaded_build.ts";
import { renderDocument } from "./render_page.ts";
import { runRoute } from "./route_runner.ts";
import { dropBodyOfHead, joinPath, levelOf, plainError, requestUrl } from "./request.ts";
import { Router } from "./router.ts";

export type ListenOptions = Partial<Deno.ServeTcpOptions>;
export type AppHandler = (req: Request, info?: Deno.ServeHandlerInfo) => Promise<Response>;
type WrapHandler = (handler: AppHandler, basePath: string) => AppHandler;

/** A route registered by hand, or one file. */
interface RouteStep {
  kind: "route";
  order: number;
  pattern: string;
  /** Where it lies among the levels. */
  place: readonly string[];
  route: Route<unknown> | { method: Method | null; links: HandlerFn<unknown, unknown>[] };
}

interface FilesStep {
  kind: "files";
  order: number;
  base: string;
}

type Step = LevelStep | RouteStep | FilesStep;
type StepBody = Step extends infer S ? (S extends Step ? Omit<S, "order"> : never) : never;

const buildOfApp = new WeakMap<object, Build>();

/** Gives an app what the Builder made; called by generated entry points, before `handler()`. */
export function setBuild<State>(app: App<State>, build: Build): void {
  buildOfApp.set(app, build);
}

// Fractions put the files between the step `fsRoutes()` and the next one.
const FILE_LEVEL = 0.25;
const FILE_ROUTE = 0.5;

const FIRST_PORT = 8000;
const LAST_PORT = 8019;

export class App<State = Record<string, unknown>> {
  readonly config: Readonly<FreshConfig>;
  #steps: Step[] = [];

  constructor(config: FreshConfig = {}) {
    this.config = config;
  }

  /** Middlewares for everything, or for what lies at or under `path`. */
  use(...middlewares: Middleware<State>[]): this;
  use(path: string, ...middlewares: Middleware<State>[]): this;
  use(first: string | Middleware<State>, ...rest: Middleware<State>[]): this {
    const [level, middlewares] = typeof first === "string" ? [levelOf(first), rest] : [[], [first, ...rest]];
    for (const run of middlewares) this.#add({ kind: "middleware", level, run: run as Middleware<unknown> });
    return this;
  }

  get(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("GET", path, links);
  }
  post(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("POST", path, links);
  }
  put(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("PUT", path, links);
  }
  patch(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("PATCH", path, links);
  }
  delete(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("DELETE", path, links);
  }
  head(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method("HEAD", path, links);
  }
  all(path: string, ...links: HandlerFn<unknown, State>[]): this {
    return this.#method(null, path, links);
  }

  /** A GET route that upgrades to a WebSocket; 400 for other requests. */
  ws(path: string, handlers: WebSocketHandlers, options?: WebSocketOptions): this {
    return this.get(path, (ctx) => ctx.upgrade(handlers, options));
  }

  /** What one route file stands for. */
  route(path: string, route: Route<State>): this {
    return this.#add({ kind: "route", pattern: path, place: levelOf(path), route: route as Route<unknown> });
  }

  /** Puts the routes directory in at this point, under `path`. */
  fsRoutes(path = "*"): this {
    return this.#add({ kind: "files", base: joinPath("", path.replace(/\/?\*$/, "")) });
  }

  /** Copies the other app's steps under `path`; its app wrapper and not-found handler go to the root. */
  mountApp(path: string, app: App<State>): this {
    const prefix = levelOf(path);
    for (const step of app.#steps) {
      if (step.kind === "files") this.#add({ ...step, base: joinPath(path, step.base) });
      else if (step.kind === "route") {
        this.#add({ ...step, pattern: joinPath(path, step.pattern), place: [...prefix, ...step.place] });
      } else if (step.kind === "app" || step.kind === "notFound") this.#add(step);
      else this.#add({ ...step, level: [...prefix, ...step.level] });
    }
    return this;
  }

  notFound(route: Route<State> | Middleware<State>): this {
    return this.#add({ kind: "notFound", level: [], route: route as ErrorRoute });
  }
  onError(path: string, route: Route<State> | Middleware<State>): this {
    return this.#add({ kind: "error", level: levelOf(path), route: route as ErrorRoute });
  }
  layout(path: string, component: AnyComponent, config: LayoutConfig = {}): this {
    return this.#add({ kind: "layout", level: levelOf(path), component, config });
  }
  appWrapper(component: AnyComponent): this {
    return this.#add({ kind: "app", level: [], component });
  }

  /** The route table is made now: register everything before. */
  handler(): AppHandler {
    const build = loadBuild(buildOfApp.get(this) ?? EMPTY_BUILD);
    const config: ResolvedFreshConfig = {
      root: build.root,
      basePath: resolveBasePath(this.config),
      mode: this.config.mode ?? build.mode,
      trustProxy: this.config.trustProxy ?? false,
    };
    const { router, rootChain } = buildTable(expandFiles(this.#steps, build.routes), config.basePath);
    return async (req, info = NO_INFO) => {
      const url = requestUrl(req, config.trustProxy);
      const ctx = new Context<unknown>({ req, url, info, config, build, render: renderDocument });
      try {
        return dropBodyOfHead(req, await route(ctx, router, rootChain));
      } catch (error) {
        return dropBodyOfHead(req, plainError(error));
      }
    };
  }

  /** Serves until the returned server is shut down; without `port` on the first free one of 8000..8019. */
  listen(options: ListenOptions = {}, wrap: WrapHandler = (handler) => handler): Deno.HttpServer<Deno.NetAddr> {
    const handler = wrap(this.handler(), resolveBasePath(this.config));
    if (options.port !== undefined) return Deno.serve({ ...options, port: options.port }, handler);
    for (let port = FIRST_PORT;; port++) {
      try {
        return Deno.serve({ ...options, port }, handler);
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse) || port === LAST_PORT) throw error;
      }
    }
  }

  #method(method: Method | null, pattern: string, links: HandlerFn<unknown, State>[]): this {
    const route = { method, links: links as HandlerFn<unknown, unknown>[] };
    return this.#add({ kind: "route", pattern, place: levelOf(pattern), route });
  }

  #add(step: StepBody): this {
    this.#steps.push({ ...step, order: this.#steps.length });
    return this;
  }
}

const NO_INFO: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};

function resolveBasePath({ basePath = "" }: FreshConfig): string {
  return basePath.replace(/\/+$/, "");
}

async function route(
  ctx: Context<unknown>,
  router: Router,
  rootChain: (leaf: HandlerFn<unknown, unknown>) => Chain,
): Promise<Response> {
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

function buildTable(steps: readonly (LevelStep | RouteStep)[], basePath: string) {
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
