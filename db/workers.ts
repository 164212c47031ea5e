/** Workers: the connection state of each (instance, server, agent, job type), for the record and for other instances. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { workers } from "./schema/workers.ts";
import { looseRows } from "./statement.ts";

export interface WorkerState {
  id: string;
  instanceId: string;
  server: string;
  agent: string;
  jobType: string;
  namespace: string;
  deployment: string;
  livekitWorkerId: string | null;
  state: string;
  lastCloseCode: number | null;
  lastError: string | null;
}

export async function upsertWorker(database: Database, worker: WorkerState): Promise<void> {
  const { livekitWorkerId, state, lastCloseCode, lastError } = worker;
  await database.db.insert(workers).values(worker).onConflictDoUpdate({
    target: workers.id,
    set: { livekitWorkerId, state, lastCloseCode, lastError, changedAt: sql`now()` },
  });
}

/** Records loads (0..1) of workers whose rows are there; returns the ids of those. */
export async function setWorkerLoads(
  database: Database,
  loads: readonly { id: string; loadRatio: number }[],
): Promise<Set<string>> {
  const ids = `{${loads.map(({ id }) => id).join(",")}}`;
  const ratios = `{${loads.map(({ loadRatio }) => loadRatio).join(",")}}`;
  const written = await looseRows<{ id: string }>(
    database,
    sql`update workers set load_ratio = load.ratio
      from unnest(${ids}::text::uuid[], ${ratios}::text::double precision[]) as load (id, ratio)
      where workers.id = load.id returning workers.id`,
  );
  return new Set(written.map(({ id }) => id));
}
