/** Elements of `<head>`: which of them stand for the same thing, so that a later one replaces an earlier one. */
import { cloneElement, type ComponentChildren, Fragment, h, render, toChildArray, type VNode } from "preact";

/** Carries an element's `key` into the document, where an island's `<Head>` looks for it. */
const KEY_ATTRIBUTE = "data-fresh-key";

export type HeadElement = VNode<Record<string, unknown>>;

/** The elements among `children`, fragments opened. */
export function headElements(children: ComponentChildren): HeadElement[] {
  return toChildArray(children).flatMap((child) => {
    if (typeof child !== "object") return [];
    const element = child as HeadElement;
    if (element.type === Fragment) return headElements(element.props.children as ComponentChildren);
    return [element.key == null ? element : cloneElement(element, { [KEY_ATTRIBUTE]: String(element.key) })];
  });
}

/** Each of `added` takes the place of the element that it stands for. */
export function mergeHead(own: readonly HeadElement[], added: readonly HeadElement[]): HeadElement[] {
  const merged = [...own];
  for (const element of added) {
    const place = merged.findIndex((other) => identityOfElement(other) === identityOfElement(element));
    merged[place === -1 ? merged.length : place] = element;
  }
  return merged;
}

/** Brings the elements of an island's `<Head>` into the live document. */
export function updateLiveHead(children: ComponentChildren): void {
  const rendered = document.createElement("head");
  render(h(Fragment, null, headElements(children)), rendered);
  for (const element of [...rendered.children]) {
    const identity = identityOfLive(element);
    const live = [...document.head.children].find((candidate) => identityOfLive(candidate) === identity);
    if (live === undefined) document.head.append(element);
    // A stylesheet that is put in anew is loaded anew.
    else if (!live.isEqualNode(element)) live.replaceWith(element);
  }
}

/** Components can't be told apart before they render: each stands for itself. */
function identityOfElement(element: HeadElement): unknown {
  return typeof element.type === "string" ? identityOf(element.type, Object.entries(element.props)) : element;
}

function identityOfLive({ localName, attributes }: Element): string {
  return identityOf(localName, [...attributes].map(({ name, value }) => [name, value]));
}

/** A title is one; others by key, or else by their attributes but the one that is their value. */
function identityOf(tag: string, attributes: [name: string, value: unknown][]): string {
  if (tag === "title") return tag;
  const key = attributes.find(([name]) => name === KEY_ATTRIBUTE);
  if (key !== undefined) return `${tag} key=${key[1]}`;
  const ignored = ["children", "dangerouslySetInnerHTML", tag === "meta" ? "content" : tag === "link" ? "href" : ""];
  const told = attributes.filter(([name, value]) => !ignored.includes(name) && value != null && value !== false);
  return [tag, ...told.map(([name, value]) => `${name}=${value === true ? "" : value}`).sort()].join(" ");
}
