/** What dispatches took lately, for pages: bounded reads of the newest rows. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Newest dispatches that are looked at. */
const SAMPLE = 500;

/** Median milliseconds from request to ready, by agent, of the newest dispatches. */
export async function listUsualReadyMs(database: Database): Promise<Map<string, number>> {
  const found = await rows<{ agent: string; ms: number }>(
    database,
    sql`select agent, percentile_cont(0.5) within group (order by extract(epoch from ready_at - created_at) * 1000) as ms
      from (select agent, created_at, ready_at from dispatches order by created_at desc, id desc limit ${SAMPLE}::int) newest
      where ready_at is not null group by agent`,
  );
  return new Map(found.map(({ agent, ms }) => [agent, Number(ms)]));
}
