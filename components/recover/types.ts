/** What the Recover page shows; types only, nothing of db reaches the browser. */
import type { FailureGroup, GroupMember, GroupPreview } from "../../db/failure_groups.ts";

export type { FailureGroup, GroupMember, GroupPreview };

export const WINDOWS = ["1h", "24h", "7d"] as const;
export type Window = typeof WINDOWS[number];

export interface RecoverData {
  window: Window;
  groups: FailureGroup[];
  /** The chosen group. */
  group: FailureGroup | null;
  preview: GroupPreview | null;
  /** Told once after a retry without JavaScript. */
  notice: string | null;
  now: string;
}

export function recoverHref(window: Window, fingerprint: string | null): string {
  const params = new URLSearchParams({ since: window });
  if (fingerprint !== null) params.set("group", fingerprint);
  return `/recover?${params}`;
}
