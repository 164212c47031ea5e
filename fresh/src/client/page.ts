/**
 * A page's islands: their modules, their props (one text for the page, so shared signals are one), and the content that
 * the server rendered into their slots, which is turned into elements that match its DOM and so adopt it.
 */
import { signal } from "@preact/signals";
import { parse } from "devalue";
import { type ComponentChild, type ComponentChildren, type ComponentType, type ContainerNode, h, render } from "preact";
import { currentBuild } from "../asset.ts";
import type { PageState } from "../island_props.ts";
import { STATE_ID } from "../markers.ts";
import { type MarkedRange, nodesOf, rangeAt, rootOf } from "./range.ts";

interface Island {
  component: ComponentType<Record<string, unknown>>;
  props: Record<string, unknown>;
}

export interface Page {
  islands: Island[];
  /** Content by slot number. */
  slots: Map<string, ComponentChildren>;
}

const mounted = new Map<MarkedRange, ContainerNode>();

/** Loads what the document's islands need; the document may be one that is not shown yet. */
export async function readPage(from: Document): Promise<Page> {
  const page: Page = { islands: [], slots: new Map() };
  const text = from.getElementById(STATE_ID)?.textContent;
  if (text == null) return page;
  const state: PageState = parse(text, {
    Signal: ([value]: [unknown]) => signal(value),
    Slot: ([id]: [number]) => h(ServerSlot, { page, id: String(id) }),
  });
  currentBuild.id ??= state.buildId;
  const modules = await Promise.all(state.islands.map(({ src }) => import(new URL(src, location.href).href)));
  page.islands = state.islands.map(({ exportName, props }, index) => ({
    component: modules[index][exportName],
    props,
  }));
  // All slots are read before any island renders, because rendering takes their comments away.
  for (const range of findSlots(from.body)) {
    if (!page.slots.has(range.name)) page.slots.set(range.name, adopt(page, range.start.nextSibling, range.end));
  }
  return page;
}

/** Islands below `parent` that lie in no other island. */
export function findRoots(parent: Node): MarkedRange[] {
  const roots: MarkedRange[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    const range = rangeAt(node);
    if (range?.kind === "island") {
      roots.push(range);
      node = range.end;
    } else roots.push(...findRoots(node));
  }
  return roots;
}

/** Renders over the server's DOM: what differs is brought to the browser's value. */
export function mountIsland({ islands }: Page, range: MarkedRange): void {
  const island = islands[Number(range.name)];
  if (island === undefined) return;
  const root = rootOf(range);
  try {
    render(h(island.component, island.props), root);
    mounted.set(range, root);
    const owned = new Set<Node>();
    collectDom((root as unknown as { __k: InternalVNode }).__k, owned);
    for (const node of nodesOf(range)) if (!owned.has(node)) node.remove();
  } catch (error) {
    reportError(error); // One island that fails leaves the others alive.
  }
}

/** Ends the islands for whose place `isGone` holds: their effects are cleaned up. */
export function unmountIslands(isGone: (range: MarkedRange) => boolean): void {
  for (const [range, root] of mounted) {
    if (!isGone(range)) continue;
    render(null, root);
    mounted.delete(range);
  }
}

function ServerSlot({ page, id }: { page: Page; id: string }): ComponentChildren {
  return page.slots.get(id);
}

function findSlots(parent: Node): MarkedRange[] {
  const slots: MarkedRange[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    const range = rangeAt(node);
    if (range?.kind === "slot") slots.push(range);
    slots.push(...findSlots(node instanceof HTMLTemplateElement ? node.content : node));
  }
  return slots;
}

/** Elements that match the nodes from `first` up to `end`; an island among them becomes the island's component. */
function adopt(page: Page, first: Node | null, end: Node | null): ComponentChild[] {
  const children: ComponentChild[] = [];
  for (let node = first; node !== null && node !== end; node = node.nextSibling) {
    const range = rangeAt(node);
    if (range?.kind === "island") {
      const island = page.islands[Number(range.name)];
      if (island !== undefined) children.push(h(island.component, island.props));
      node = range.end;
    } else if (node.nodeType === Node.TEXT_NODE) children.push((node as Text).data);
    else if (node.nodeType === Node.ELEMENT_NODE) children.push(adoptElement(page, node as Element));
  }
  return children;
}

function adoptElement(page: Page, element: Element): ComponentChild {
  const props: Record<string, unknown> = {};
  for (const { name, value } of element.attributes) {
    // As "default…" an input keeps what was typed or chosen before the script came.
    if (name === "value" && element.localName !== "option") props.defaultValue = value;
    else if (name === "checked") props.defaultChecked = true;
    else props[name] = value === "" && typeof element[name as keyof Element] === "boolean" ? true : value;
  }
  const content = element.localName === "template" ? (element as HTMLTemplateElement).content : element;
  return h(element.localName, props, adopt(page, content.firstChild, null));
}

/** Preact's fields of a rendered element: its children and its DOM node. */
interface InternalVNode {
  type: unknown;
  __k: (InternalVNode | null)[] | null;
  __e: Node | null;
}

function collectDom(vnode: InternalVNode | null, into: Set<Node>): void {
  if (vnode === null) return;
  if (typeof vnode.type === "function") { for (const child of vnode.__k ?? []) collectDom(child, into); }
  else if (vnode.__e !== null) into.add(vnode.__e);
}
