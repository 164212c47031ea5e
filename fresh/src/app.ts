/** The application: what is registered, in order, and the handler made from it. */
import { type Build, EMPTY_BUILD } from "./build.ts";
import type { ErrorRoute } from "./chain.ts";
import {
  type AnyComponent,
  Context,
  type FreshConfig,
  type LayoutConfig,
  type ResolvedFreshConfig,
  type WebSocketHandlers,
  type WebSocketOptions,
} from "./context.ts";
import type { HandlerFn, Method, Middleware, Route } from "./handlers.ts";
import { renderDocument } from "./render_page.ts";
import { dropBodyOfHead, joinPath, levelOf, plainError, requestUrl } from "./request.ts";
import { answer, buildRouteTable, type Step } from "./route_table.ts";

export type ListenOptions = Partial<Deno.ServeTcpOptions>;
export type AppHandler = (req: Request, info?: Deno.ServeHandlerInfo) => Promise<Response>;
type WrapHandler = (handler: AppHandler, basePath: string) => AppHandler;

type StepBody = Step extends infer S ? (S extends Step ? Omit<S, "order"> : never) : never;

const buildOfApp = new WeakMap<object, Build>();

/** Gives an app what the Builder made; called by generated entry points, before `handler()`. */
export function setBuild<State>(app: App<State>, build: Build): void {
  buildOfApp.set(app, build);
}

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
    const build = buildOfApp.get(this) ?? EMPTY_BUILD;
    const config: ResolvedFreshConfig = {
      root: build.root,
      basePath: resolveBasePath(this.config),
      mode: this.config.mode ?? build.mode,
      trustProxy: this.config.trustProxy ?? false,
    };
    const table = buildRouteTable(this.#steps, build.routes, config.basePath);
    return async (req, info = NO_INFO) => {
      const url = requestUrl(req, config.trustProxy);
      const ctx = new Context<unknown>({ req, url, info, config, build, render: renderDocument });
      try {
        return dropBodyOfHead(req, await answer(ctx, table));
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
