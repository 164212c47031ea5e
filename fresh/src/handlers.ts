/** What a route is made of: handlers, page data, components and their types. */
import type { ComponentChildren, ComponentType } from "preact";
import type { Build } from "./build.ts";
import type { Context } from "./context.ts";

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

type ContextProps = "url" | "req" | "params" | "route" | "state" | "config" | "info" | "error" | "isPartial";

/** What pages, layouts, error pages and `_app` get; `Component` renders what is inside a layout or `_app`. */
export interface PageProps<Data = unknown, State = unknown> extends Pick<Context<State>, ContextProps> {
  data: Data;
  Component: ComponentType;
}

type PageResult = ComponentChildren | Response;
export type PageComponent<Data, State> = (props: PageProps<Data, State>) => PageResult | Promise<PageResult>;

/** A page, layout or app wrapper whose props were checked where it was written (`define.page`). */
export type AnyComponent = (props: never) => unknown;

export interface LayoutConfig {
  skipAppWrapper?: boolean;
  skipInheritedLayouts?: boolean;
}

export interface RouteConfig extends LayoutConfig {
  /** A URL pattern that takes the place of the one made from the file's name. */
  routeOverride?: string;
}

/** What one route file stands for. */
export interface Route<State> {
  component?: AnyComponent;
  handler?: RouteHandler<unknown, State>;
  config?: RouteConfig;
}

/** The app wrapper and the layouts (outermost first) in effect at one point of the chain. */
export interface Scope {
  app: AnyComponent | null;
  layouts: readonly AnyComponent[];
}

/** Keeps what the stand-in knows of a request out of the app's sight. */
export const INTERNALS: unique symbol = Symbol("fresh internals");
export type Internals = { build: Build; scope: Scope };

/** Has the route's component rendered with `data`. */
export function page<Data = undefined>(data?: Data, init: Omit<PageResponse<Data>, "data"> = {}): PageResponse<Data> {
  return { data: data as Data, ...init };
}

/** Typed identity functions: they answer their argument and exist for its types only. */
export interface Define<State> {
  handlers<H extends RouteHandler<unknown, State>>(handlers: H): H;
  page<H = never>(component: DataPage<H, State>): DataPage<H, State>;
  layout(component: PageComponent<unknown, State>): PageComponent<unknown, State>;
  middleware<M extends MiddlewareFn<State> | MiddlewareFn<State>[]>(middleware: M): M;
}
type DataPage<H, State> = PageComponent<[H] extends [never] ? unknown : RouteData<H>, State>;

export function createDefine<State>(): Define<State> {
  const same = <Value>(value: Value): Value => value;
  return { handlers: same, page: same, layout: same, middleware: same };
}
