/** Which dispatches a bulk operation would act on, and why not on the others. */
import { type SQL, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { DispatchState } from "./schema/states.ts";
import { json, rows } from "./statement.ts";

export interface Membership {
  kind: "cancel" | "retry";
  /** Of dispatches, in the order in which they are worked off. */
  ids: readonly string[];
  /** Somebody named each of them: what was retried before may be retried once more. */
  isExplicit: boolean;
  /** Whether what ended well may be retried. */
  withSucceeded: boolean;
}

/** Why a dispatch is left out. */
export const EXCLUSIONS = [
  "not_found",
  "already_ended",
  "not_ended",
  "succeeded",
  "retry_under_way",
  "retried_before",
  "in_another_operation",
] as const;
export type Exclusion = typeof EXCLUSIONS[number];

export interface MemberPreview {
  /** What it would act on. */
  eligible: number;
  excluded: { code: Exclusion; count: number }[];
  /** The first of the eligible. */
  sample: { dispatchId: string; agent: string; room: string; state: DispatchState }[];
}

export async function previewBulkMembers(
  database: Database,
  membership: Membership,
  sampleSize: number,
): Promise<MemberPreview> {
  const found = await rows<
    { code: Exclusion | null; count: number; sample: MemberPreview["sample"] | string | null }
  >(
    database,
    sql`with ${judgedMembers(membership)}, first as (
        select * from judged where code is null order by ordinality limit ${sampleSize}::int
      ) select code, count(*)::int as count, case when code is null then
          (select json_agg(json_build_object('dispatchId', id, 'agent', agent, 'room', room, 'state', state)
            order by ordinality) from first)::text end as sample
      from judged group by code order by count(*) desc`,
  );
  const eligible = found.find(({ code }) => code === null);
  const sample = eligible?.sample ?? [];
  return {
    eligible: eligible?.count ?? 0,
    excluded: found.flatMap(({ code, count }) => code === null ? [] : [{ code, count }]),
    sample: typeof sample === "string" ? JSON.parse(sample) : sample,
  };
}

/** CTE `judged` (id, ordinality, agent, room, state, code); `code` null: it is eligible. */
export function judgedMembers({ kind, ids, isExplicit, withSucceeded }: Membership): SQL {
  const code = kind === "cancel" ? sql`when d.ended_at is not null then 'already_ended'` : sql`when d.ended_at is null
      then 'not_ended'
    when d.state = 'succeeded' and not ${withSucceeded}::text::boolean then 'succeeded'
    when exists (select from dispatches r where r.retry_of = d.id and r.ended_at is null) then 'retry_under_way'
    when not ${isExplicit}::text::boolean and exists (select from dispatches r where r.retry_of = d.id) then 'retried_before'`;
  return sql`judged as materialized (
    select m.id, m.ordinality, d.agent, d.room, d.state::text as state,
      case when d.id is null then 'not_found' ${code}
        when busy.dispatch_id is not null then 'in_another_operation' end as code
    from (select id::uuid as id, min(ordinality) as ordinality
        from jsonb_array_elements_text(${json(ids)}) with ordinality as listed (id, ordinality) group by 1) m
      left join dispatches d on d.id = m.id
      left join (select distinct i.dispatch_id from bulk_operations o join bulk_items i on i.operation_id = o.id
        where o.state = 'running' and o.kind = ${kind} and i.state = 'waiting') busy on busy.dispatch_id = m.id
  )`;
}
