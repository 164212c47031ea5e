/** Workers: the connection state of each (instance, server, agent, job type), for the record and for other instances. */
import { sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { workers } from "./schema/workers.ts";

export interface WorkerState {
  id: string;
  instanceId: string;
  server: string;
  agent: string;
  jobType: string;
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
