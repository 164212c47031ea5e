/** The server half of the stand-in for Fresh 2: what the app imports as `fresh`. */
export { App, type ListenOptions } from "./app.ts";
export {
  Context,
  type FreshConfig,
  type LayoutConfig,
  type ResolvedFreshConfig,
  type WebSocketHandlers,
} from "./context.ts";
export {
  createDefine,
  type Define,
  type HandlerByMethod,
  type HandlerFn,
  type Method,
  type Middleware,
  type MiddlewareFn,
  page,
  type PageProps,
  type PageResponse,
  type RouteConfig,
  type RouteData,
  type RouteHandler,
} from "./handlers.ts";
export { HttpError } from "./http_error.ts";
export type { Island } from "./build.ts";
export { staticFiles } from "./static_files.ts";
