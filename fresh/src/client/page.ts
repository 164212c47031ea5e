/**
 * A page's islands: their modules, their props (one text for the page, so shared signals are one), and the content that
 * the server rendered into their slots, which is turned into elements that match its DOM and so adopt it.
 */
import { signal } from "@preact/signals";
import { parse } from "devalue";
import { type ComponentChild, type ComponentChildren, type ContainerNode, h, render } from "preact";
import { currentBuild } from "../asset.ts";
import { type PageState, STATE_ID } from "../markers.ts";
import { findRanges, type MarkedRange, nodesOf, rangeAt, rootOf } from "./range.ts";

export interface Page {
  /** Elements, and the content of slots, by number. */
  islands: ComponentChild[];
  slots: Map<string, ComponentChildren>;
}

const mounted = new Map<MarkedRange, ContainerNode>();

/** Loads what the document's islands need; the document may be one that is not shown yet. */
export async function readPage(from: Document): Promise<Page> {
  const page: Page = { islands: [], slots: new Map() };
  const text = from.getElementById(STATE_ID)?.textContent;
  if (text == null) return page;
  const ServerSlot = ({ id }: { id: number }) => page.slots.get(String(id));
  const state: PageState = parse(text, {
    Signal: ([value]: [unknown]) => signal(value),
    Slot: ([id]: [number]) => h(ServerSlot, { id }),
  });
  currentBuild.id ??= state.buildId;
  const modules = await Promise.all(state.islands.map(({ src }) => import(new URL(src, location.href).href)));
  page.islands = state.islands.map(({ exportName, props }, index) => h(modules[index][exportName], props));
  // All slots are read before any island renders, because rendering takes their comments away.
  for (const { name, start, end } of findRanges(from.body, "slot")) {
    if (!page.slots.has(name)) page.slots.set(name, adopt(page, start.nextSibling, end));
  }
  return page;
}

/** Renders over the server's DOM: what differs is brought to the browser's value. */
export function mountIslands({ islands }: Page, ranges: MarkedRange[]): void {
  for (const range of ranges) {
    const root = rootOf(range);
    try {
      render(islands[Number(range.name)], root);
      mounted.set(range, root);
      const owned = new Set(ownedNodes((root as unknown as { __k: Rendered }).__k));
      for (const node of nodesOf(range)) if (!owned.has(node)) node.remove();
    } catch (error) {
      reportError(error); // One island that fails leaves the others alive.
    }
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

/** Elements that match the nodes from `first` up to `end`; an island among them becomes the island's element. */
function adopt(page: Page, first: Node | null, end: Node | null): ComponentChild[] {
  const children: ComponentChild[] = [];
  for (let node = first; node !== null && node !== end; node = node.nextSibling) {
    const range = rangeAt(node);
    if (range?.kind === "island") {
      children.push(page.islands[Number(range.name)]);
      node = range.end;
    } else if (node instanceof Text) children.push(node.data);
    else if (node instanceof Element) children.push(adoptElement(page, node));
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
  const content = element instanceof HTMLTemplateElement ? element.content : element;
  return h(element.localName, props, adopt(page, content.firstChild, null));
}

/** Preact's fields of a rendered element: its children and its DOM node. */
type Rendered = { type: unknown; __k: Rendered[] | null; __e: Node | null } | null;

/** The DOM nodes of the outermost elements. */
function ownedNodes(rendered: Rendered): (Node | null)[] {
  if (typeof rendered?.type === "function") return (rendered.__k ?? []).flatMap(ownedNodes);
  return rendered === null ? [] : [rendered.__e];
}
