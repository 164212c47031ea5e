/** Finds what a bulk operation is asked to act on: explicit ids, what a search finds, or a group of failures. */
import type { Database } from "../../../db/client.ts";
import { previewFailureGroup } from "../../../db/failure_groups.ts";
import { type JobFilter, searchDispatches } from "../../../db/job_search.ts";
import type { Cursor } from "../../../db/page.ts";

const PAGE_SIZE = 1_000;
/** Looks at rows one by one that a search may cost (SCAN_ROWS each). */
const MAX_LOOKS = 40;

export type MemberSource =
  | { by: "ids"; ids: readonly string[] }
  | { by: "query"; filter: JobFilter; text: string }
  | { by: "group"; fingerprint: string; since: Date };

export type FoundMembers =
  | { ok: true; ids: string[]; label: string | null }
  /** More than `maxItems` fit, or the search would have to look at too many rows. */
  | { ok: false; code: "too_many_items" | "search_too_wide" };

export async function findMembers(database: Database, source: MemberSource, maxItems: number): Promise<FoundMembers> {
  switch (source.by) {
    case "ids": {
      const ids = [...new Set(source.ids)];
      return ids.length > maxItems ? { ok: false, code: "too_many_items" } : { ok: true, ids, label: null };
    }
    case "query":
      return await search(database, source.filter, source.text, maxItems);
    case "group": {
      const { fingerprint, since } = source;
      const { members } = await previewFailureGroup(database.reads, { fingerprint, since, limit: maxItems + 1 });
      if (members.length > maxItems) return { ok: false, code: "too_many_items" };
      return { ok: true, ids: members.map(({ dispatchId }) => dispatchId), label: members[0]?.message ?? fingerprint };
    }
  }
}

async function search(database: Database, filter: JobFilter, label: string, maxItems: number): Promise<FoundMembers> {
  const ids: string[] = [];
  let cursor: Cursor | null = null;
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const limit = Math.min(PAGE_SIZE, maxItems + 1 - ids.length);
    const { found, stoppedAt } = await searchDispatches(database.reads, { limit, cursor }, filter);
    ids.push(...found.map(({ id }) => id));
    if (ids.length > maxItems) return { ok: false, code: "too_many_items" };
    const last = found.at(-1);
    if (found.length === limit && last) cursor = { id: last.id, createdAt: new Date(last.createdAtMs) };
    else if (stoppedAt !== null) cursor = stoppedAt;
    else return { ok: true, ids, label };
  }
  return { ok: false, code: "search_too_wide" };
}
