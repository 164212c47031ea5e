/** Dead air over time, for charts. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows } from "./statement.ts";

export interface DeadAirStep extends Record<string, unknown> {
  /** Milliseconds since the epoch: the beginning of the step. */
  atMs: number;
  losses: number;
  /** Added up; a silence that goes on counts until `until`. */
  deadAirMs: number;
}

/** Losses that somebody heard, by when they began, in steps of `stepSeconds`; steps without one are left out. */
export async function listDeadAir(
  database: Database,
  { since, until, stepSeconds, agent }: { since: Date; until: Date; stepSeconds: number; agent: string | null },
): Promise<DeadAirStep[]> {
  const end = until.toISOString();
  return await rows<DeadAirStep>(
    database,
    sql`select (extract(epoch from date_bin(make_interval(secs => ${stepSeconds}::int), lost_at, 'epoch'::timestamptz))
        * 1000)::float8 as "atMs", count(*)::int as losses,
        sum(coalesce(dead_air_ms, extract(epoch from coalesce(ready_at, given_up_at, ${end}::timestamptz) - lost_at) * 1000))
          ::float8 as "deadAirMs"
      from losses where was_human_there and lost_at >= ${since.toISOString()}::timestamptz
        and lost_at < ${end}::timestamptz and (${agent}::text is null or agent = ${agent}::text)
      group by 1 order by 1`,
  );
}
