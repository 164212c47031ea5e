/**
 * What one document collects while its components render: islands, slots, partials, head elements. Preact calls `__b`
 * before it renders any element; there the session changes what is special. Rendering is synchronous, so the session
 * under way is a module variable that is set for the length of one `renderToString`.
 */
import { type ComponentChildren, type ComponentType, Fragment, h, options, type VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import type { Build, Island } from "./build.ts";
import { type HeadElement, headElements } from "./head.ts";
import { isElement, SlotContent } from "./island_props.ts";
import { navigationProps } from "./links.ts";
import type { MarkerKind, PageState } from "./markers.ts";
import { Head, Partial } from "./runtime.ts";

type Props = Record<string, unknown> & { children?: ComponentChildren };
type AnyVNode = VNode<Props> & { __?: AnyVNode | null };

let session: RenderSession | null = null;
const hooks = options as { __b?: (vnode: AnyVNode) => void };
const earlierHook = hooks.__b;
hooks.__b = (vnode) => {
  session?.beforeRender(vnode);
  earlierHook?.(vnode);
};

/** Marks the place of the head's elements, which are known only when everything else has rendered. */
export const HEAD_PLACE = "<!--fresh:head-->";

export class RenderSession {
  readonly islands: PageState["islands"] = [];
  /** Those of the app's own `<head>`, and those of `<Head>`. */
  readonly head: { own: HeadElement[]; added: HeadElement[] } = { own: [], added: [] };
  /** The page has islands, partials or client navigation. */
  needsScript = false;
  readonly #partials = new Set<string>();
  readonly #slots: SlotContent[] = [];

  constructor(readonly build: Build, readonly url: URL) {}

  render(vnode: ComponentChildren): string {
    session = this;
    try {
      const html = renderToString(h(Fragment, null, vnode));
      // Made of tens of thousands of parts until something looks into it: kept so, a page's copying and collecting cost more
      // than its rendering (a third of its CPU time). This makes it one piece.
      html.charCodeAt(0);
      return html;
    } finally {
      session = null;
    }
  }

  /** Slots that no island showed. Rendering them may bring more islands with slots, which this loop meets, too. */
  renderHiddenSlots(): string {
    let html = "";
    for (const slot of this.#slots) {
      if (!slot.isShown) html += `<template>${this.render(h(Slot, { slot }))}</template>`;
    }
    return html;
  }

  beforeRender(vnode: AnyVNode): void {
    const type: unknown = vnode.type;
    if (typeof type === "string") return this.#beforeElement(vnode, type);
    if (type === Head) {
      this.head.added.push(...headElements(vnode.props.children));
      vnode.props = { children: null };
    } else if (type === Partial) this.#markPartial(vnode, String(vnode.props.name));
    const island = this.build.islandByComponent.get(type);
    if (island !== undefined && !isInsideIsland(vnode)) this.#markIsland(vnode, island);
  }

  #beforeElement(vnode: AnyVNode, type: string): void {
    const props = vnode.props = navigationProps(type, vnode.props, this.url);
    if ("f-client-nav" in props && props["f-client-nav"] !== "false") this.needsScript = true;
    if (type !== "head") return;
    this.head.own.push(...headElements(props.children));
    vnode.props = { ...props, children: raw(HEAD_PLACE) };
  }

  #markPartial(vnode: AnyVNode, name: string): void {
    if (isInsideIsland(vnode)) throw new Error(`Cannot render <Partial name="${name}"> inside an island`);
    if (this.#partials.has(name)) throw new Error(`Cannot render two partials of the name "${name}" on one page`);
    this.#partials.add(name);
    this.needsScript = true;
    vnode.props = { name, children: marked("partial", name, vnode.props.children) };
  }

  #markIsland(vnode: AnyVNode, { src, exportName }: Island): void {
    const props: Props = {};
    for (const [name, value] of Object.entries(vnode.props)) {
      if (!isSlot(name, value)) props[name] = value;
      else {
        const slot = new SlotContent(this.#slots.length, value as ComponentChildren);
        this.#slots.push(slot);
        props[name] = h(Slot, { slot });
      }
    }
    this.needsScript = true;
    const id = this.islands.push({ src, exportName, props }) - 1;
    const body = { id, component: vnode.type as ComponentType<Props>, props };
    Object.assign(vnode, { type: IslandBody, props: body });
  }
}

/** Children that hold any element, and other props that are one. An array of elements in another prop is refused later. */
function isSlot(name: string, value: unknown): boolean {
  return isElement(value) || (name === "children" && Array.isArray(value) && value.flat(Infinity).some(isElement));
}

/** A slot's content is the server's own, though an island lies around it. */
function isInsideIsland(vnode: AnyVNode): boolean {
  let parent = vnode.__;
  while (parent && ![IslandBody, Slot].includes(parent.type as never)) parent = parent.__;
  return (parent?.type as unknown) === IslandBody;
}

function IslandBody({ id, component, props }: { id: number; component: ComponentType<Props>; props: Props }) {
  return marked("island", String(id), h(component, props));
}

function Slot({ slot }: { slot: SlotContent }): ComponentChildren {
  slot.isShown = true;
  return marked("slot", String(slot.id), slot.children);
}

function marked(kind: MarkerKind, name: string, children: ComponentChildren): ComponentChildren {
  const marker = `fresh:${kind}:${encodeURIComponent(name)}`;
  return [raw(`<!--${marker}-->`), children, raw(`<!--/${marker}-->`)];
}

/** HTML as it is: the form that precompiled JSX takes, which needs no element around it. */
export function raw(html: string): VNode {
  return h(Fragment as ComponentType<object>, { tpl: [html] } as object) as VNode;
}
