/** The nodes between an opening and a closing comment, and a stand-in parent for them: markers need no element. */
import type { ContainerNode } from "preact";
import { closeMarker, type MarkerKind, readOpenMarker } from "../markers.ts";

export interface MarkedRange {
  kind: MarkerKind;
  name: string;
  start: Comment;
  end: Comment;
}

/** The range that a comment opens; null for any other node, and when the close is missing (broken nesting of HTML). */
export function rangeAt(node: Node): MarkedRange | null {
  if (node.nodeType !== Node.COMMENT_NODE) return null;
  const start = node as Comment;
  const marker = readOpenMarker(start.data);
  if (marker === null) return null;
  const closing = closeMarker(marker.kind, marker.name);
  for (let other = start.nextSibling; other !== null; other = other.nextSibling) {
    if (other.nodeType === Node.COMMENT_NODE && (other as Comment).data === closing) {
      return { ...marker, start, end: other as Comment };
    }
  }
  return null;
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

/** What Preact renders into: a parent whose children are the range. */
export function rootOf(range: MarkedRange): ContainerNode {
  const { start, end } = range;
  const parent = () => {
    if (start.parentNode === null) throw new Error("Cannot render: the island has left the document");
    return start.parentNode;
  };
  // Preact looks for the next sibling past comments, and so may name a node behind our end.
  const insert = (node: Node, before: Node | null) =>
    parent().insertBefore(
      node,
      before !== null && before.parentNode === parent() && containsNode(range, before) ? before : end,
    );
  return {
    nodeType: Node.ELEMENT_NODE,
    get parentNode() {
      return start.parentNode;
    },
    get firstChild() {
      return start.nextSibling === end ? null : start.nextSibling;
    },
    get childNodes() {
      return nodesOf(range);
    },
    get namespaceURI() {
      return (start.parentNode as Element | null)?.namespaceURI ?? null;
    },
    contains: (node: Node | null) => node !== null && containsNode(range, node),
    insertBefore: insert,
    appendChild: (node: Node) => insert(node, null),
    removeChild: (node: Node) => parent().removeChild(node),
  } as unknown as ContainerNode;
}
