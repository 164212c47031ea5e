/** What the Recover page shows; types only, nothing of db reaches the browser. */
import type { FailureGroup, GroupMember, GroupPreview } from "../../db/failure_groups.ts";

export type { FailureGroup, GroupMember, GroupPreview };

export const WINDOWS = ["1h", "24h", "7d"] as const;
export type Window = typeof WINDOWS[number];

/** An agent that was lost in its room. */
export interface Loss {
  id: string;
  dispatchId: string;
  agent: string;
  room: string;
  cause: string;
  wasHumanThere: boolean;
  lostAt: string;
  readyAt: string | null;
  givenUpAt: string | null;
  /** Null: nobody heard it, or it goes on. */
  deadAirMs: number | null;
}

export interface RecoverData {
  window: Window;
  /** The newest of the window. */
  losses: Loss[];
  groups: FailureGroup[];
  /** The chosen group. */
  group: FailureGroup | null;
  preview: GroupPreview | null;
  now: string;
}

export function recoverHref(window: Window, fingerprint: string | null): string {
  const params = new URLSearchParams({ since: window });
  if (fingerprint !== null) params.set("group", fingerprint);
  return `/recover?${params}`;
}
