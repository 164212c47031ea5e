/** Which elements of `<head>` stand for the same thing, so that a later one replaces an earlier one. */
import { type ComponentChildren, Fragment, toChildArray, type VNode } from "preact";

/** Carries an element's `key` into the document, where an island's `<Head>` looks for it. */
export const KEY_ATTRIBUTE = "data-fresh-key";

export type HeadElement = VNode<Record<string, unknown>>;

/** The elements among `children`, fragments opened. */
export function flattenHead(children: ComponentChildren): HeadElement[] {
  return toChildArray(children).flatMap((child) => {
    if (typeof child !== "object") return [];
    const element = child as HeadElement;
    return element.type === Fragment ? flattenHead(element.props.children as ComponentChildren) : [element];
  });
}

/** Null for components: only elements can be told apart. */
export function identityOf(element: HeadElement): string | null {
  if (typeof element.type !== "string") return null;
  if (element.type === "title") return "title";
  if (element.key != null) return `${element.type} key=${element.key}`;
  return identityOfAttributes(element.type, Object.entries(element.props));
}

export function identityOfAttributes(tag: string, attributes: [name: string, value: unknown][]): string {
  const ignored = tag === "meta" ? "content" : tag === "link" ? "href" : "";
  const told = attributes.filter(([name, value]) =>
    name !== ignored && name !== "children" && name !== "dangerouslySetInnerHTML" && value != null && value !== false
  );
  return [tag, ...told.map(([name, value]) => `${name}=${value === true ? "" : value}`).sort()].join(" ");
}
