/** From a route to a Response: its handler, then the page inside its layouts, then `_app` around them, as one document. */
import { type ComponentChild, type ComponentChildren, type ComponentType, Fragment, h } from "preact";
import { type Context, INTERNALS, type RenderDocument } from "./context.ts";
import type { AnyComponent, HandlerFn, PageComponent, PageProps, Route } from "./handlers.ts";
import { mergeHead } from "./head.ts";
import { serializeState } from "./island_props.ts";
import { STATE_ID } from "./markers.ts";
import { HEAD_PLACE, raw, RenderSession } from "./render_session.ts";

/** The handler's Response, or the component rendered from its page data; what is neither, the chain refuses. */
export async function runRoute(
  ctx: Context<unknown>,
  handler: HandlerFn<unknown, unknown> | null,
  { component, config = {} }: Route<unknown>,
  defaultStatus = 200,
): Promise<Response> {
  const result = handler === null ? { data: {} } : await handler(ctx);
  if (result instanceof Response || component === undefined || !("data" in result)) return result as Response;
  const { data, status = defaultStatus, headers = {} } = result;
  const content = await instantiate(ctx, component, () => null, data);
  return content instanceof Response ? content : await renderDocument(ctx, content, { status, headers }, config);
}

/** The layouts and app wrapper in effect around `content`. */
export const renderDocument: RenderDocument = async (ctx, content, init, config) => {
  const { build, scope } = ctx[INTERNALS];
  for (const layout of config.skipInheritedLayouts ? [] : scope.layouts.toReversed()) {
    const inside = content;
    const wrapped = await instantiate(ctx, layout, () => h(Fragment, null, inside));
    if (wrapped instanceof Response) return wrapped;
    content = wrapped;
  }
  const session = new RenderSession(build, ctx.url);
  let html = session.render(content);
  if (scope.app !== null && !config.skipAppWrapper) {
    const page = raw(html);
    const wrapped = await instantiate(ctx, scope.app, () => page);
    if (wrapped instanceof Response) return wrapped;
    html = session.render(wrapped);
  }
  const { text, preload } = assembleDocument(session, html, ctx.config.basePath);
  const headers = new Headers(init.headers);
  headers.set("content-type", "text/html; charset=utf-8");
  if (preload !== "") headers.append("link", preload);
  return new Response(text, { ...init, headers });
};

const AsyncFunction = (async () => {}).constructor;

/** Async components are called here, the others by Preact, where they may use hooks. */
async function instantiate(
  ctx: Context<unknown>,
  component: AnyComponent,
  Component: () => ComponentChild,
  data?: unknown,
): Promise<ComponentChildren | Response> {
  const props: PageProps = { ...ctx, data, Component };
  if (component instanceof AsyncFunction) return await (component as PageComponent<unknown, unknown>)(props);
  return h(component as ComponentType<PageProps>, props);
}

/** The document, and the value of its `Link` header ("" when the page needs no script). */
export function assembleDocument(
  session: RenderSession,
  html: string,
  basePath: string,
): { text: string; preload: string } {
  const { build, islands } = session;
  const scripts = build.devScript === undefined ? [] : [build.devScript];
  let tail = session.renderHiddenSlots();
  let preload = "";
  if (session.needsScript && build.client !== null) {
    const located = islands.map((island) => ({ ...island, src: basePath + island.src }));
    const state = serializeState({ buildId: build.id, islands: located });
    tail += `<script type="application/json" id="${STATE_ID}">${state}</script>`;
    scripts.push(build.client);
    const used = new Set([build.client, ...islands.map(({ src }) => src)]);
    for (const src of used) for (const imported of build.imports[src] ?? []) used.add(imported);
    preload = [...used].map((src) => `<${basePath}${src}>; rel="modulepreload"; as="script"`).join(", ");
  }
  for (const src of scripts) tail += `<script type="module" src="${basePath}${src}"></script>`;
  const head = session.render(mergeHead(session.head.own, session.head.added));
  return { text: "<!DOCTYPE html>" + placeTail(placeHead(html, head), tail), preload };
}

function placeHead(html: string, head: string): string {
  const place = html.indexOf(HEAD_PLACE);
  if (place !== -1) return html.slice(0, place) + head + html.slice(place + HEAD_PLACE.length);
  const opening = /^\s*<html(\s[^>]*)?>/i.exec(html)?.[0];
  if (opening === undefined) return `<html><head><meta charset="utf-8">${head}</head><body>${html}</body></html>`;
  return head === "" ? html : `${opening}<head>${head}</head>${html.slice(opening.length)}`;
}

function placeTail(html: string, tail: string): string {
  const end = html.lastIndexOf("</body>");
  return end === -1 ? html + tail : html.slice(0, end) + tail + html.slice(end);
}
