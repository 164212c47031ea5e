/** Workers that have not stopped, of instances that have not ended, as they last said of themselves. */
import { and, eq, getTableColumns, isNull, ne } from "drizzle-orm";
import type { Database } from "./client.ts";
import { instances } from "./schema/instances.ts";
import { workers } from "./schema/workers.ts";

const MAX_WORKERS = 2_000;

export type WorkerRow = typeof workers.$inferSelect;

export async function listLiveWorkers(database: Database): Promise<WorkerRow[]> {
  return await database.db.select(getTableColumns(workers)).from(workers)
    .innerJoin(instances, eq(instances.id, workers.instanceId)).where(
      and(isNull(instances.endedAt), ne(workers.state, "stopped")),
    )
    .orderBy(workers.agent).limit(MAX_WORKERS);
}
