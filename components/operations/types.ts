/** What the pages of bulk operations show; types only, nothing of core or db reaches the browser. */
import type { BulkItemView, BulkOperationView, BulkPreview } from "../../core/dispatch/bulk/bulk_request.ts";
import { plural } from "../format.ts";

export type { BulkItemView, BulkOperationView, BulkPreview };
export type BulkKind = BulkOperationView["kind"];
export type ItemState = BulkItemView["state"];

/** In the order in which they are shown. */
export const ITEM_STATES: readonly { state: ItemState; word: string; colour: string; glyph: string }[] = [
  { state: "done", word: "done", colour: "var(--chart-3)", glyph: "succeeded" },
  { state: "failed", word: "failed", colour: "var(--st-failed)", glyph: "failed" },
  { state: "skipped", word: "skipped", colour: "var(--chart-6)", glyph: "cancelled" },
  { state: "waiting", word: "to do", colour: "var(--color-base-300)", glyph: "queued" },
];

export interface OperationData {
  operation: BulkOperationView;
  items: BulkItemView[];
  /** Null: these are the last. */
  nextCursor: string | null;
  isFirstPage: boolean;
  /** Only these are listed. */
  filter: ItemState | null;
  now: string;
}

export interface OperationsData {
  operations: BulkOperationView[];
  nextCursor: string | null;
  isFirstPage: boolean;
  now: string;
}

export function operationHref(id: string, filter: ItemState | null = null, cursor: string | null = null): string {
  const params = new URLSearchParams();
  if (filter !== null) params.set("state", filter);
  if (cursor !== null) params.set("cursor", cursor);
  const query = params.toString();
  return `/operations/${id}${query === "" ? "" : `?${query}`}`;
}

/** "Retry 35 jobs". */
export function deed(kind: BulkKind, count: number): string {
  switch (kind) {
    case "retry":
      return `Retry ${plural(count, "job")}`;
    case "cancel":
      return `Cancel ${plural(count, "job")}`;
    case "create":
      return `Create ${plural(count, "dispatch", "dispatches")}`;
  }
}

/** What it acts on, in words. */
export function targetText({ by, label }: BulkOperationView["target"]): string {
  switch (by) {
    case "ids":
      return "chosen one by one";
    case "requests":
      return "as sent by REST";
    case "group":
      return label ?? "one error";
    case "query":
      return label ?? "a search";
  }
}
