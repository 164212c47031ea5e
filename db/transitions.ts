/** Reads of the history of changes. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

/** Newest transitions that are looked at. */
const MAX_TRANSITIONS = 5_000;

/** Dispatches that changed within the last `windowMs` of database time (or, by their writer's clock, later), the latest first. */
export async function listChangedDispatches(database: Database, windowMs: number, limit: number): Promise<string[]> {
  const found = await rows<{ id: string }>(
    database,
    sql`select dispatch_id as id from (
        select dispatch_id, at from transitions where at > now() - ${windowMs}::int * interval '1 millisecond'
        order by at desc limit ${MAX_TRANSITIONS}::int
      ) latest group by dispatch_id order by max(at) desc limit ${limit}::int`,
  );
  return found.map(({ id }) => id);
}
