/** Runs what one route file stands for: its handler, then its component. */
import type { AnyComponent, Context, LayoutConfig } from "./context.ts";
import type { HandlerFn, Method, PageResponse, Route } from "./handlers.ts";
import { HttpError } from "./http_error.ts";
import { renderPage } from "./render_page.ts";

/** Answers with the handler's Response, or with the component rendered from its page data. */
export async function runRoute(
  ctx: Context<unknown>,
  handler: HandlerFn<unknown, unknown> | null,
  component: AnyComponent | undefined,
  config: LayoutConfig,
  defaultStatus = 200,
): Promise<Response> {
  const result = handler === null ? { data: {} } : await handler(ctx);
  if (result instanceof Response) return result;
  if (!isPageResponse(result) || component === undefined) {
    throw new TypeError(`Cannot answer ${ctx.req.method} ${ctx.url.pathname}: the handler gave no Response`);
  }
  const init = { status: result.status ?? defaultStatus, ...(result.headers ? { headers: result.headers } : {}) };
  return await renderPage(ctx, component, result.data, init, config);
}

/** An error page's status is the HttpError's, else 500; its own handler may give another. */
export async function runErrorRoute(
  ctx: Context<unknown>,
  route: Route<unknown> | HandlerFn<unknown, unknown>,
  error: unknown,
): Promise<Response> {
  const status = error instanceof HttpError ? error.status : 500;
  if (typeof route === "function") return await runRoute(ctx, route, undefined, {}, status);
  const handler = typeof route.handler === "object" ? handlerFor(route.handler, ctx.req.method) : route.handler;
  return await runRoute(ctx, handler ?? null, route.component, route.config ?? {}, status);
}

function handlerFor(handlers: { [M in Method]?: HandlerFn<unknown, unknown> }, method: string) {
  return handlers[method as Method] ?? (method === "HEAD" ? handlers.GET : undefined);
}

function isPageResponse(value: unknown): value is PageResponse<unknown> {
  return typeof value === "object" && value !== null && "data" in value;
}
