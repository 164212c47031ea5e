/** From a route to a Response: its handler, then the page inside its layouts, then `_app` around them, as one document. */
import { type ComponentChildren, type ComponentType, Fragment, h } from "preact";
import type { Context } from "./context.ts";
import { type AnyComponent, type HandlerFn, INTERNALS, type LayoutConfig, type PageComponent } from "./handlers.ts";
import type { PageProps, Route } from "./handlers.ts";
import { mergeHead } from "./head.ts";
import { serializeState } from "./island_props.ts";
import { STATE_ID } from "./markers.ts";
import { HEAD_PLACE, raw, RenderSession } from "./render_session.ts";

/** The handler's Response, or the component rendered from its page data; what is neither, the chain refuses. */
export async function runRoute(
  ctx: Context<unknown>,
  handler: HandlerFn<unknown, unknown>,
  { component, config = {} }: Route<unknown>,
  defaultStatus = 200,
): Promise<Response> {
  const result = await handler(ctx);
  if (result instanceof Response || component === undefined || !("data" in result)) return result as Response;
  const { data, status = defaultStatus, headers = {} } = result;
  const content = await instantiate(ctx, component, null, data);
  return content instanceof Response ? content : await renderDocument(ctx, content, { status, headers }, config);
}

/** A document: the layouts and app wrapper in effect around `content`. */
export async function renderDocument(
  ctx: Context<unknown>,
  content: ComponentChildren,
  init: ResponseInit,
  { skipAppWrapper = false, skipInheritedLayouts = false }: LayoutConfig,
): Promise<Response> {
  const { build, scope } = ctx[INTERNALS];
  for (const layout of skipInheritedLayouts ? [] : scope.layouts.toReversed()) {
    const wrapped = await instantiate(ctx, layout, content);
    if (wrapped instanceof Response) return wrapped;
    content = wrapped;
  }
  const session = new RenderSession(build, ctx.url);
  let html = session.render(content);
  if (scope.app !== null && !skipAppWrapper) {
    const wrapped = await instantiate(ctx, scope.app, raw(html));
    if (wrapped instanceof Response) return wrapped;
    html = session.render(wrapped);
  }
  const headers = new Headers(init.headers);
  headers.set("content-type", "text/html; charset=utf-8");
  const tail = session.renderHiddenSlots() + scriptsOf(session, ctx.config.basePath, headers);
  const head = session.render(mergeHead(session.head.own, session.head.added));
  return new Response("<!DOCTYPE html>" + placeTail(placeHead(html, head), tail), { ...init, headers });
}

const AsyncFunction = (async () => {}).constructor;

/** Async components are called here, the others by Preact, where they may use hooks. */
async function instantiate(ctx: Context<unknown>, component: AnyComponent, inside: ComponentChildren, data?: unknown) {
  const props: PageProps = { ...ctx, data, Component: () => h(Fragment, null, inside) };
  if (component instanceof AsyncFunction) return await (component as PageComponent<unknown, unknown>)(props);
  return h(component as ComponentType<PageProps>, props);
}

/** HTML; adds the `Link` header that has the browser fetch the modules in use. */
function scriptsOf({ build, islands, needsScript }: RenderSession, basePath: string, headers: Headers): string {
  const scripts = build.devScript === undefined ? [] : [build.devScript];
  let html = "";
  if (needsScript) {
    const located = islands.map((island) => ({ ...island, src: basePath + island.src }));
    const state = serializeState({ buildId: build.id, islands: located });
    html += `<script type="application/json" id="${STATE_ID}">${state}</script>`;
    scripts.push(build.client);
    const used = new Set([build.client, ...islands.map(({ src }) => src)]);
    for (const src of used) for (const imported of build.imports[src] ?? []) used.add(imported);
    const links = [...used].map((src) => `<${basePath}${src}>; rel="modulepreload"; as="script"`);
    headers.append("link", links.join(", "));
  }
  return html + scripts.map((src) => `<script type="module" src="${basePath}${src}"></script>`).join("");
}

function placeHead(html: string, head: string): string {
  if (!/^\s*<html[\s>]/i.test(html)) {
    html = `<html><head><meta charset="utf-8">${HEAD_PLACE}</head><body>${html}</body></html>`;
  } else if (!html.includes(HEAD_PLACE)) html = html.replace(">", `><head>${HEAD_PLACE}</head>`);
  return html.replace(HEAD_PLACE, () => head);
}

function placeTail(html: string, tail: string): string {
  const end = html.lastIndexOf("</body>");
  return end === -1 ? html + tail : html.slice(0, end) + tail + html.slice(end);
}
