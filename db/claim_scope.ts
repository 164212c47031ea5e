/** What an instance may take from the queue, as a condition. */
import { type SQL, sql } from "drizzle-orm";

/** Which dispatches an instance may take. */
export interface ClaimScope {
  /** Where it is; null: nowhere in particular. */
  region: string | null;
  /** For so long a dispatch that names a region is left to that region's instances. */
  regionGraceMs: number;
}

/** A fleet that does not care where things run. */
export const ANY_REGION: ClaimScope = { region: null, regionGraceMs: 0 };

/** Waits, and may be taken now by an instance of this scope. In terms of the table's own columns. */
export function isClaimable({ region, regionGraceMs }: ClaimScope): SQL {
  return sql`state = 'queued' and placement = 'direct' and coalesce(not_before <= now(), true)
    and (region is null or region = ${region}::text
      or greatest(created_at, not_before) <= now() - ${regionGraceMs}::int * interval '1 millisecond')`;
}
