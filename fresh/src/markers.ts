/**
 * How server and browser name what was rendered. HTML comments enclose islands and slots (server content inside islands),
 * which are numbered per page, and partials, by name: `<!--fresh:island:3-->…<!--/fresh:island:3-->`. Slots that an island
 * did not show lie in `<template>` elements.
 */
export type MarkerKind = "island" | "slot" | "partial";

/** Query parameter of the requests of client navigation. */
export const PARTIAL_PARAM = "fresh-partial";

/** Id of the JSON script that holds the page's state. */
export const STATE_ID = "fresh-state";

/** Serialised as one text, so that shared references (a signal given to two islands) stay shared. */
export interface PageState {
  buildId: string;
  islands: { src: string; exportName: string; props: Record<string, unknown> }[];
}
