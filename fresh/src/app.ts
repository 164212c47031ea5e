/** The application: what is registered, in order, and the handler made from it. */
import { STATUS_CODES } from "node:http";
import { currentBuild } from "./asset.ts";
import { type Build, EMPTY_BUILD } from "./build.ts";
import { Context, type FreshConfig, reportUnhandled, type ResolvedFreshConfig } from "./context.ts";
import type { WebSocketHandlers, WebSocketOptions } from "./context.ts";
import { ANY_METHOD, errorStep, type Handler, joinPath, levelOf, type LevelStep, type Link } from "./chain.ts";
import { routeSteps, type Step } from "./chain.ts";
import { fileSteps } from "./file_routes.ts";
import type { HandlerFn, Middleware, Route } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { RouteTable } from "./route_table.ts";

export type ListenOptions = Partial<Deno.ServeTcpOptions>;
export type AppHandler = (req: Request, info?: Deno.ServeHandlerInfo) => Promise<Response>;

/** Handlers for one method; all but the last call `ctx.next()`. */
type AddRoute<State, Self> = (path: string, ...links: HandlerFn<unknown, State>[]) => Self;

const buildOfApp = new WeakMap<object, Build>();

/** Gives an app what the Builder made; called by generated entry points, before `handler()`. */
export function setBuild<State>(app: App<State>, build: Build): void {
  buildOfApp.set(app, build);
  currentBuild.id = build.id;
}

export class App<State = Record<string, unknown>> {
  readonly config: Readonly<FreshConfig>;
  readonly #steps: Step[] = [];

  constructor(config: FreshConfig = {}) {
    this.config = config;
  }

  /** Middlewares for everything, or for what lies at or under `path`. */
  use(...middlewares: Middleware<State>[]): this;
  use(path: string, ...middlewares: Middleware<State>[]): this;
  use(first: string | Middleware<State>, ...rest: Middleware<State>[]): this {
    const [path, runs] = typeof first === "string" ? [first, rest] : ["*", [first, ...rest]];
    const level = levelOf(path);
    return this.#add(...runs.map((run): LevelStep => ({ kind: "middleware", level, run: run as Link })));
  }

  readonly get: AddRoute<State, this> = (path, ...links) => this.#method("GET", path, links);
  readonly post: AddRoute<State, this> = (path, ...links) => this.#method("POST", path, links);
  readonly put: AddRoute<State, this> = (path, ...links) => this.#method("PUT", path, links);
  readonly patch: AddRoute<State, this> = (path, ...links) => this.#method("PATCH", path, links);
  readonly delete: AddRoute<State, this> = (path, ...links) => this.#method("DELETE", path, links);
  readonly head: AddRoute<State, this> = (path, ...links) => this.#method("HEAD", path, links);
  readonly all: AddRoute<State, this> = (path, ...links) => this.#method(ANY_METHOD, path, links);

  /** A GET route that upgrades to a WebSocket; 400 for other requests. */
  ws(path: string, handlers: WebSocketHandlers, options?: WebSocketOptions): this {
    return this.get(path, (ctx) => ctx.upgrade(handlers, options));
  }

  /** What one route file stands for. */
  route(path: string, route: Route<State>): this {
    return this.#add(...routeSteps(joinPath(path), route as Route<unknown>));
  }

  /** Puts the routes directory in at this point, under `path`. */
  fsRoutes(path = "*"): this {
    return this.#add({ kind: "files", level: levelOf(path) });
  }

  /** Copies the other app's steps under `path`; its not-found handler goes to the root. */
  mountApp(path: string, app: App<State>): this {
    return this.#add(...app.#steps.map((step): Step => {
      if (step.kind === "notFound") return step;
      const moved = { ...step, level: levelOf(path, step.level) };
      return moved.kind === "route" ? { ...moved, pattern: joinPath(path, moved.pattern) } : moved;
    }));
  }

  notFound(route: Route<State> | Middleware<State>): this {
    return this.#add(errorStep("notFound", "", route as Route<unknown> | Handler));
  }
  onError(path: string, route: Route<State> | Middleware<State>): this {
    return this.#add(errorStep("error", levelOf(path), route as Route<unknown> | Handler));
  }

  /** The route table is made now: register everything before. */
  handler(): AppHandler {
    const build = buildOfApp.get(this) ?? EMPTY_BUILD;
    const { basePath = "", mode = build.mode, trustProxy = false } = this.config;
    const config: ResolvedFreshConfig = { root: build.root, basePath: levelOf(basePath), mode, trustProxy };
    const steps = this.#steps.flatMap((step) => step.kind === "files" ? fileSteps(build.routes, step.level) : [step]);
    const table = new RouteTable(steps, config.basePath);
    return async (req, info = NO_INFO) => {
      const url = requestUrl(req, trustProxy);
      if (url === null) return new Response(STATUS_CODES[400], { status: 400 });
      const ctx = new Context(req, url, info, config, { build, scope: { app: null, layouts: [] } });
      const response = await table.answer(ctx).catch(plainError);
      if (req.method !== "HEAD" || response.body === null) return response;
      response.body.cancel().catch(reportUnhandled);
      return new Response(null, response);
    };
  }

  /** Serves until the returned server is shut down; without `port` on the first free one of 8000..8019. */
  listen(options: ListenOptions = {}): Deno.HttpServer<Deno.NetAddr> {
    return serve(options, this.handler());
  }

  #method(method: string, path: string, links: HandlerFn<unknown, State>[]): this {
    if (links.length === 0) throw new Error(`Cannot add route "${path}": it has no handler`);
    const pattern = joinPath(path);
    return this.#add({ kind: "route", pattern, level: pattern, method, links: links as Link[] });
  }

  #add(...steps: Step[]): this {
    this.#steps.push(...steps);
    return this;
  }
}

const FIRST_PORT = 8000;
const LAST_PORT = 8019;

/** Without `port` on the first free one of the range. */
export function serve({ port, ...options }: ListenOptions, handler: AppHandler): Deno.HttpServer<Deno.NetAddr> {
  if (port !== undefined) return Deno.serve({ ...options, port }, handler);
  for (let tried = FIRST_PORT;; tried++) {
    try {
      return Deno.serve({ ...options, port: tried }, handler);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse) || tried === LAST_PORT) throw error;
    }
  }
}

const NO_INFO: Deno.ServeHandlerInfo = {
  remoteAddr: { transport: "tcp", hostname: "localhost", port: 0 },
  completed: Promise.resolve(),
};

/**
 * The request's URL with runs of slashes collapsed; behind a trusted proxy with the host and scheme the client used.
 * Null when an escape in its path is malformed.
 */
function requestUrl({ url: text, headers }: Request, isProxyTrusted: boolean): URL | null {
  const url = new URL(text);
  url.pathname = url.pathname.replace(/\/{2,}/g, "/");
  try {
    decodeURI(url.pathname);
  } catch {
    return null;
  }
  const forwarded = (name: string) => isProxyTrusted ? headers.get(`x-forwarded-${name}`)?.split(",")[0]?.trim() : null;
  const [host, scheme] = [forwarded("host"), forwarded("proto")];
  if (host) Object.assign(url, { port: "", host });
  if (scheme === "http" || scheme === "https") url.protocol = scheme;
  return url;
}

/** The answer to an error that no error page took. */
function plainError(error: unknown): Response {
  if (error instanceof HttpError) {
    const { status, message } = error;
    return new Response(message === "" ? STATUS_CODES[status] : message, { status });
  }
  reportUnhandled(error);
  return new Response("Internal server error", { status: 500 });
}
