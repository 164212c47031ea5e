/**
 * What one document collects while its components render: islands, slots, partials, head elements. Preact calls `__b`
 * before it renders any element; there the session changes what is special. Rendering is synchronous, so the session
 * under way is a module variable that is set for the length of one `renderToString`.
 */
import { type ComponentChildren, type ComponentType, Fragment, h, options, type VNode } from "preact";
import { renderToString } from "preact-render-to-string";
import { currentBuild } from "./asset.ts";
import { flattenHead, type HeadElement } from "./head_elements.ts";
import { isElement, type PageState, SlotReference } from "./island_props.ts";
import { navigationProps } from "./links.ts";
import type { Build, Island } from "./build.ts";
import { closeMarker, type MarkerKind, openMarker, SLOT_ATTRIBUTE } from "./markers.ts";
import { Head, Partial } from "./runtime.ts";

type Props = Record<string, unknown>;
type AnyVNode = VNode<Props> & { __?: AnyVNode | null };

interface PreactOptions {
  __b?: (vnode: AnyVNode) => void;
}

let session: RenderSession | null = null;
const hooks = options as PreactOptions;
const earlierHook = hooks.__b;
hooks.__b = (vnode) => {
  session?.beforeRender(vnode);
  earlierHook?.(vnode);
};

/** Marks the place of the head's elements, which are known only when everything else has rendered. */
export const HEAD_PLACE = "<!--fresh:head-->";

export class RenderSession {
  readonly islands: PageState["islands"] = [];
  readonly partials = new Set<string>();
  readonly headElements: HeadElement[] = [];
  /** The children of the app's own `<head>`, once it has rendered. */
  ownHead: ComponentChildren = null;
  hasClientNavigation = false;
  readonly #build: Build;
  readonly #url: URL;
  readonly #slots: ComponentChildren[] = [];
  readonly #shownSlots = new Set<number>();

  constructor(build: Build, url: URL) {
    this.#build = build;
    this.#url = url;
  }

  render(vnode: ComponentChildren): string {
    const outer = session;
    const outerBuildId = currentBuild.id;
    session = this;
    currentBuild.id = this.#build.id;
    try {
      return renderToString(h(Fragment, null, vnode));
    } finally {
      session = outer;
      currentBuild.id = outerBuildId;
    }
  }

  /** Slots that no island showed, each in a template; rendering them may bring more islands with slots. */
  renderHiddenSlots(): string {
    let html = "";
    for (let id = 0; id < this.#slots.length; id++) {
      if (this.#shownSlots.has(id)) continue;
      html += `<template ${SLOT_ATTRIBUTE}="${id}">${
        this.render(h(Slot, { id, children: this.#slots[id] }))
      }</template>`;
    }
    return html;
  }

  beforeRender(vnode: AnyVNode): void {
    const { type } = vnode;
    if (typeof type === "string") return this.#beforeElement(vnode, type);
    if ((type as unknown) === Head) return this.#takeHead(vnode);
    if ((type as unknown) === Partial) return this.#markPartial(vnode);
    const island = this.#build.islandByComponent.get(type);
    if (island !== undefined && !isInsideIsland(vnode, "up to a slot")) {
      this.#markIsland(vnode, island, type as ComponentType<Props>);
    }
  }

  showSlot(id: number): void {
    this.#shownSlots.add(id);
  }

  #beforeElement(vnode: AnyVNode, type: string): void {
    const props = vnode.props = navigationProps(type, vnode.props, this.#url);
    if (type === "head" && this.ownHead === null) {
      this.ownHead = (props.children as ComponentChildren) ?? [];
      vnode.props = { ...props, children: raw(HEAD_PLACE) };
    }
    const navigation = props["f-client-nav"];
    if (navigation !== undefined && String(navigation) !== "false") this.hasClientNavigation = true;
  }

  #takeHead(vnode: AnyVNode): void {
    this.headElements.push(...flattenHead(vnode.props.children as ComponentChildren));
    become(vnode, Fragment, {});
  }

  #markPartial(vnode: AnyVNode): void {
    const name = String(vnode.props.name);
    if (isInsideIsland(vnode, "through slots")) {
      throw new Error(`Cannot render <Partial name="${name}"> inside an island`);
    }
    if (this.partials.has(name)) throw new Error(`Cannot render two partials of the name "${name}" on one page`);
    this.partials.add(name);
    become(vnode, Fragment, { children: marked("partial", name, vnode.props.children as ComponentChildren) });
  }

  #markIsland(vnode: AnyVNode, { src, exportName }: Island, component: ComponentType<Props>): void {
    const id = this.islands.length;
    const sent: Props = {};
    const shown: Props = {};
    // The place in the list is taken before the island renders: its slots may hold further islands.
    this.islands.push({ src, exportName, props: sent });
    for (const [name, value] of Object.entries(vnode.props)) {
      if (value === undefined && name === "children") continue;
      if (!isSlot(name, value)) {
        sent[name] = shown[name] = value;
        continue;
      }
      const slotId = this.#slots.push(value as ComponentChildren) - 1;
      sent[name] = new SlotReference(slotId);
      shown[name] = h(Slot, { id: slotId, children: value as ComponentChildren });
    }
    become(vnode, IslandBody, { id, component, props: shown });
  }
}

/** Children that hold any element, and other props that are one. An array of elements in another prop is refused later. */
function isSlot(name: string, value: unknown): boolean {
  return isElement(value) || (name === "children" && Array.isArray(value) && value.flat(Infinity).some(isElement));
}

/** A slot's content is the server's own, though an island lies around it. */
function isInsideIsland(vnode: AnyVNode, slots: "through slots" | "up to a slot"): boolean {
  for (let parent = vnode.__; parent; parent = parent.__) {
    if ((parent.type as unknown) === IslandBody) return true;
    if ((parent.type as unknown) === Slot && slots === "up to a slot") return false;
  }
  return false;
}

function IslandBody({ id, component, props }: { id: number; component: ComponentType<Props>; props: Props }) {
  return marked("island", String(id), h(component, props));
}

function Slot({ id, children }: { id: number; children?: ComponentChildren }) {
  session?.showSlot(id);
  return marked("slot", String(id), children);
}

function become(vnode: AnyVNode, type: unknown, props: object): void {
  Object.assign(vnode, { type, props });
}

function marked(kind: MarkerKind, name: string, children: ComponentChildren): ComponentChildren {
  return [raw(`<!--${openMarker(kind, name)}-->`), children, raw(`<!--${closeMarker(kind, name)}-->`)];
}

/** HTML as it is: the form that precompiled JSX takes, which needs no element around it. */
export function raw(html: string): VNode {
  return h(Fragment as ComponentType<object>, { tpl: [html] } as object) as VNode;
}
