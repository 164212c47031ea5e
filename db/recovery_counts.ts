/** How much waits to be put right; small and bounded, because it stands on every page. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Dispatches whose job failed since `since`, that are failed and of which no retry was asked; counts at most `limit`. */
export async function countUnretriedFailures(database: Database, since: Date, limit: number): Promise<number> {
  const [found] = await rows<{ count: number }>(
    database,
    sql`select count(*)::int as count from (
      select distinct dispatches.id from jobs join dispatches on dispatches.id = jobs.dispatch_id
      where jobs.state = 'failed' and jobs.ended_at >= ${since.toISOString()}::timestamptz
        and dispatches.state = 'failed'
        and not exists (select from dispatches retries where retries.retry_of = dispatches.id)
      limit ${limit}::int) unretried`,
  );
  return found?.count ?? 0;
}
