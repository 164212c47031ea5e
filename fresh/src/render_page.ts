/** From a page component to a Response: page inside layouts first, then `_app` around them. */
import { type ComponentChild, type ComponentChildren, type ComponentType, Fragment, h } from "preact";
import { type AnyComponent, BUILD, type Context, type LayoutConfig, SCOPE } from "./context.ts";
import { assembleDocument } from "./document.ts";
import type { PageComponent, PageProps } from "./handlers.ts";
import { raw, RenderSession } from "./render_session.ts";

type Component = PageComponent<unknown, unknown>;

/** Renders a route's component; a component that is async may answer a Response itself. */
export async function renderPage(
  ctx: Context<unknown>,
  component: AnyComponent,
  data: unknown,
  init: ResponseInit,
  config: LayoutConfig,
): Promise<Response> {
  const content = await instantiate(ctx, component, data, () => null);
  return content instanceof Response ? content : await renderDocument(ctx, content, init, config);
}

/** `ctx.render`: the layouts and app wrapper in effect around `content`. */
export async function renderDocument(
  ctx: Context<unknown>,
  content: ComponentChildren,
  init: ResponseInit,
  config: LayoutConfig,
): Promise<Response> {
  const { app, layouts } = ctx[SCOPE];
  let inner: ComponentChildren = content;
  for (const layout of config.skipInheritedLayouts ? [] : layouts.toReversed()) {
    const inside = inner;
    const wrapped = await instantiate(ctx, layout, undefined, () => h(Fragment, null, inside));
    if (wrapped instanceof Response) return wrapped;
    inner = wrapped;
  }
  const session = new RenderSession(ctx[BUILD], ctx.url);
  let html = session.render(inner);
  if (app !== null && !config.skipAppWrapper) {
    const page = html;
    const wrapped = await instantiate(ctx, app, undefined, () => raw(page));
    if (wrapped instanceof Response) return wrapped;
    html = session.render(wrapped);
  }
  const { text, preload } = assembleDocument(session, html, ctx[BUILD], ctx.config.basePath);
  const headers = new Headers(init.headers);
  headers.set("content-type", "text/html; charset=utf-8");
  if (preload !== "") headers.append("link", preload);
  return new Response(text, { ...init, headers });
}

const AsyncFunction = (async () => {}).constructor;

/** Async components are called here, the others by Preact, where they may use hooks. */
async function instantiate(
  ctx: Context<unknown>,
  component: AnyComponent,
  data: unknown,
  inside: () => ComponentChild,
): Promise<ComponentChildren | Response> {
  const { url, req, params, route, state, config, info, error, isPartial } = ctx;
  const props: PageProps = { data, url, req, params, route, state, config, info, error, isPartial, Component: inside };
  if (component instanceof AsyncFunction) return await (component as Component)(props);
  return h(component as ComponentType<PageProps>, props);
}
