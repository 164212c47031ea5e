/** What a route is made of: handlers, page data, components and their types. */
import type { ComponentChildren, ComponentType } from "preact";
import type { AnyComponent, Context, LayoutConfig } from "./context.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** Answered by a handler to have the route's component rendered with `data`. */
export interface PageResponse<Data> {
  data: Data;
  status?: number;
  headers?: HeadersInit;
}

export type HandlerResult<Data> = Response | PageResponse<Data> | Promise<Response | PageResponse<Data>>;
export type HandlerFn<Data, State> = (ctx: Context<State>) => HandlerResult<Data>;
export type HandlerByMethod<Data, State> = { [M in Method]?: HandlerFn<Data, State> };
export type RouteHandler<Data, State> = HandlerFn<Data, State> | HandlerByMethod<Data, State>;
export type MiddlewareFn<State> = (ctx: Context<State>) => Response | Promise<Response>;
export type Middleware<State> = MiddlewareFn<State>;

/** The data that the handlers `H` pass to `page`. */
export type RouteData<H> = H extends (...args: never[]) => unknown ? DataOf<ReturnType<H>>
  : { [M in keyof H]: H[M] extends (...args: never[]) => unknown ? DataOf<ReturnType<H[M]>> : never }[keyof H];
type DataOf<Result> = Awaited<Result> extends infer R ? (R extends PageResponse<infer Data> ? Data : never) : never;

/** What pages, layouts, error pages and `_app` get; `Component` renders what is inside a layout or `_app`. */
export interface PageProps<Data = unknown, State = unknown> extends
  Pick<
    Context<State>,
    "url" | "req" | "params" | "route" | "state" | "config" | "info" | "error" | "isPartial"
  > {
  data: Data;
  Component: ComponentType;
}

export type PageComponent<Data, State> = (
  props: PageProps<Data, State>,
) => ComponentChildren | Response | Promise<ComponentChildren | Response>;

export interface RouteConfig extends LayoutConfig {
  /** A URL pattern that takes the place of the one made from the file's name. */
  routeOverride?: string;
}

/** What one route file stands for. */
export interface Route<State> {
  /** Gets `PageProps`; that its data are those of its handlers is checked where it is defined (`define.page`). */
  component?: AnyComponent;
  handler?: RouteHandler<unknown, State>;
  config?: RouteConfig;
}

/** Has the route's component rendered with `data`. */
export function page(): PageResponse<undefined>;
export function page<Data>(data: Data, init?: { status?: number; headers?: HeadersInit }): PageResponse<Data>;
export function page(data?: unknown, init: { status?: number; headers?: HeadersInit } = {}): PageResponse<unknown> {
  return { data, ...init };
}

export interface Define<State> {
  handlers<H extends RouteHandler<unknown, State>>(handlers: H): H;
  page<H = never>(
    component: PageComponent<[H] extends [never] ? unknown : RouteData<H>, State>,
  ): PageComponent<[H] extends [never] ? unknown : RouteData<H>, State>;
  layout(component: PageComponent<unknown, State>): PageComponent<unknown, State>;
  middleware<M extends MiddlewareFn<State> | MiddlewareFn<State>[]>(middleware: M): M;
}

/** Typed identity functions: they answer their argument and exist for its types only. */
export function createDefine<State>(): Define<State> {
  return {
    handlers: (handlers) => handlers,
    page: (component) => component,
    layout: (component) => component,
    middleware: (middleware) => middleware,
  };
}
