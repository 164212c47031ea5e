/** Fills a database with dispatches and jobs that ended, as they would be after some weeks of work. */
import type { Database } from "../../db/client.ts";

const ID = "lpad(to_hex(g), 12, '0')";

/** `count` dispatches with one job each over the last `hours`; one in 20 failed. */
export async function insertJobHistory(database: Database, count: number, hours = 24): Promise<void> {
  const at = `now() - make_interval(secs => (${count} - g) * ${(hours * 3600) / count}::float8)`;
  await database.sql.unsafe(`
    insert into dispatches (id, agent, server, room, state, placement, origin, rank_at, created_at, assigned_at, entered_at,
      connected_at, ready_at, ended_at, attempts, failure_code, failure_message, failure_remedy, change_id)
    select ('00000000-0000-7000-8000-' || ${ID})::uuid, 'echo', 'local', 'room-' || g % 500,
      (case when g % 20 = 0 then 'failed' else 'succeeded' end)::dispatch_state, 'direct', 'rest', at, at,
      at + interval '1 ms', at + interval '5 ms', at + interval '60 ms', at + interval '70 ms', at + interval '60 s', 1,
      case when g % 20 = 0 then 'exception' end, case when g % 20 = 0 then 'boom' end, 'mend', gen_random_uuid()
    from (select g, ${at} as at from generate_series(1, ${count}) g) made`);
  await database.sql.unsafe(`
    insert into jobs (id, dispatch_id, attempt, agent, server, room, state, instance_id, participant_identity, lease_token,
      created_at, assigned_at, entered_at, connected_at, ready_at, ended_at, end_reason, failure_kind, failure_message,
      failure_fingerprint, change_id)
    select ('00000000-0000-7000-8001-' || right(id::text, 12))::uuid, id, 1, agent, server, room, state::text::job_state,
      '00000000-0000-7000-8000-000000000000', 'agent-' || id, gen_random_uuid(), created_at, assigned_at, entered_at,
      connected_at, ready_at, ended_at, 'entry_returned', failure_code, failure_message,
      case when state = 'failed' then 'fp-' || right(id::text, 1) end, gen_random_uuid()
    from dispatches where id::text like '00000000-0000-7000-8000-%'`);
  await database.sql.unsafe("analyze dispatches, jobs");
}
