/**
 * HTML comments by which the browser finds what the server rendered: islands, slots (server content inside islands) and
 * partials. `<!--fresh:island:3-->…<!--/fresh:island:3-->`; islands and slots are numbered per page, partials are named.
 */
export type MarkerKind = "island" | "slot" | "partial";

/** Attribute of a `<template>` that holds a slot which its island did not show at first. */
export const SLOT_ATTRIBUTE = "data-fresh-slot";
/** Id of the JSON script that holds the islands' props. */
export const STATE_ID = "fresh-state";

export function openMarker(kind: MarkerKind, name: string): string {
  return `fresh:${kind}:${encodeURIComponent(name)}`;
}

export function closeMarker(kind: MarkerKind, name: string): string {
  return `/${openMarker(kind, name)}`;
}

/** What a comment opens, or null for any other comment. */
export function readOpenMarker(comment: string): { kind: MarkerKind; name: string } | null {
  const match = /^fresh:(island|slot|partial):(.*)$/s.exec(comment);
  return match === null ? null : { kind: match[1] as MarkerKind, name: decodeURIComponent(match[2] ?? "") };
}
