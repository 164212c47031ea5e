/** The nodes between an opening and a closing comment, and a stand-in parent for them: markers need no element. */
import type { ContainerNode } from "preact";
import type { MarkerKind } from "../markers.ts";

export interface MarkedRange {
  kind: MarkerKind;
  /** Number of an island or slot; encoded name of a partial. */
  name: string;
  start: Comment;
  end: Comment;
}

/** The range that a comment opens; null for any other node, and when the close is missing (broken nesting of HTML). */
export function rangeAt(start: Node): MarkedRange | null {
  if (!(start instanceof Comment)) return null;
  const marker = /^fresh:(island|slot|partial):(.*)$/s.exec(start.data);
  if (marker === null) return null;
  for (let end = start.nextSibling; end !== null; end = end.nextSibling) {
    if (!(end instanceof Comment) || end.data !== `/${start.data}`) continue;
    return { kind: marker[1] as MarkerKind, name: marker[2] ?? "", start, end };
  }
  return null;
}

/** In document order. Islands that lie in another island are left out; slots are sought in templates, too. */
export function findRanges(parent: Node, kind: MarkerKind): MarkedRange[] {
  const found: MarkedRange[] = [];
  for (let node = parent.firstChild; node !== null; node = node.nextSibling) {
    const range = rangeAt(node);
    if (range?.kind === kind) found.push(range);
    if (range?.kind === "island" && kind === "island") node = range.end;
    else found.push(...findRanges(kind === "slot" && node instanceof HTMLTemplateElement ? node.content : node, kind));
  }
  return found;
}

export function nodesOf({ start, end }: MarkedRange): ChildNode[] {
  const nodes: ChildNode[] = [];
  for (let node = start.nextSibling; node !== null && node !== end; node = node.nextSibling) nodes.push(node);
  return nodes;
}

export function containsNode({ start, end }: MarkedRange, node: Node): boolean {
  const isAfter = (start.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  return isAfter && (end.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_PRECEDING) !== 0;
}

/** What Preact 10 asks of the element that it renders into, answered for the range; it removes nodes by themselves. */
export function rootOf(range: MarkedRange): ContainerNode {
  const parent = range.start.parentNode as Element;
  const root = {
    namespaceURI: parent.namespaceURI,
    firstChild: nodesOf(range)[0] ?? null,
    childNodes: nodesOf(range),
    // Preact looks for the next sibling past comments, and so may name a node behind our end.
    insertBefore: (node: Node, before: Node | null) =>
      parent.insertBefore(node, before?.parentNode === parent && containsNode(range, before) ? before : range.end),
  };
  return root as unknown as ContainerNode;
}
