/** The crash-loop breaker of each agent, shared by the fleet (core/recovery/crash_breaker.ts is the machine). */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { rows, time } from "./statement.ts";

export interface BreakerRow {
  agent: string;
  state: string;
  failures: number;
  reason: string | null;
  openedAt: Date | null;
  probeAt: Date | null;
}

/** Those that are not closed, or have counted a failure. */
export async function listBreakers(database: Database): Promise<BreakerRow[]> {
  const found = await rows<Omit<BreakerRow, "openedAt" | "probeAt"> & { opened: string | null; probe: string | null }>(
    database,
    sql`select agent, state, failures, reason, (extract(epoch from opened_at) * 1000)::bigint::text as opened,
        (extract(epoch from probe_at) * 1000)::bigint::text as probe
      from breakers where failures > 0 order by agent`,
  );
  return found.map(({ opened, probe, ...row }) => ({ ...row, openedAt: dateOf(opened), probeAt: dateOf(probe) }));
}

/**
 * Writes the next state of a breaker. False when another instance has changed it since it was read (`was`, null: there was
 * no row): read it again then.
 */
export async function saveBreaker(
  database: Database,
  next: BreakerRow,
  was: Pick<BreakerRow, "state" | "failures"> | null,
): Promise<boolean> {
  const written = await rows(
    database,
    sql`insert into breakers (agent, state, failures, reason, opened_at, probe_at, changed_at)
      values (${next.agent}, ${next.state}, ${next.failures}::int, ${next.reason}, ${time(next.openedAt)},
        ${time(next.probeAt)}, now())
      on conflict (agent) do update set state = excluded.state, failures = excluded.failures, reason = excluded.reason,
        opened_at = excluded.opened_at, probe_at = excluded.probe_at, changed_at = excluded.changed_at
      where breakers.state = ${was?.state ?? "closed"} and breakers.failures = ${was?.failures ?? 0}::int
      returning agent`,
  );
  return written.length === 1;
}

function dateOf(ms: string | null): Date | null {
  return ms === null ? null : new Date(Number(ms));
}
