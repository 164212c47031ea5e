/** The server half of the stand-in for Fresh 2: what the app imports as `fresh`. */
export { App, type ListenOptions } from "./app.ts";
export type { Island } from "./build.ts";
export { Context, type FreshConfig, type ResolvedFreshConfig, type WebSocketHandlers } from "./context.ts";
export { createDefine, page } from "./handlers.ts";
export type { Define, HandlerByMethod, HandlerFn, Method, Middleware, MiddlewareFn } from "./handlers.ts";
export type { LayoutConfig, PageProps, PageResponse, RouteConfig, RouteData, RouteHandler } from "./handlers.ts";
export { HttpError } from "./http_error.ts";
export { staticFiles } from "./static_files.ts";
