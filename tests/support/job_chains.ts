/** Whether what is recorded of dispatches and their jobs is whole and in order. */
import type { Database } from "../../db/client.ts";

/**
 * Each transition begins where the one before it of the same dispatch or job ended, by their times.
 * @returns those that do not, in words.
 */
export async function brokenChains(database: Database, dispatchIds: readonly string[]): Promise<string[]> {
  const found = await database.sql<{ subject: string; id: string; from: string | null; before: string | null }[]>`
    select subject, coalesce(job_id, dispatch_id)::text as id, from_state as from,
      lag(to_state) over (partition by coalesce(job_id, dispatch_id) order by at, case to_state
        when 'queued' then 0 when 'assigned' then 1 when 'placed' then 1 when 'running' then 2 else 3 end) as before
    from transitions where dispatch_id = any(${dispatchIds as string[]}::uuid[])`;
  return found.filter(({ from, before }) => from !== before && !(before === null && from === null)).map((each) =>
    `${each.subject} ${each.id}: ${each.from} after ${each.before}`
  );
}
