/** Instances: one row per start; heartbeat on database time. */
import { desc, eq, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { instances } from "./schema/instances.ts";
import type { InstanceState } from "./schema/states.ts";

export type InstanceRow = typeof instances.$inferSelect;

export async function insertInstance(
  database: Database,
  instance: { id: string; hostname: string; pid: number; version: string; maxJobs: number },
): Promise<void> {
  await database.db.insert(instances).values({ ...instance, state: "starting" });
}

export async function heartbeatInstance(database: Database, id: string): Promise<void> {
  await database.db.update(instances).set({ heartbeatAt: sql`now()` }).where(eq(instances.id, id));
}

/** Moves an instance to `state`; "stopped" and "lost" end it, and an ended one stays as it is. */
export async function setInstanceState(database: Database, id: string, state: InstanceState): Promise<boolean> {
  const ends = state === "stopped" || state === "lost";
  const changed = await database.db.update(instances).set({ state, ...(ends ? { endedAt: sql`now()` } : {}) })
    .where(sql`${instances.id} = ${id} and ${instances.endedAt} is null`).returning({ id: instances.id });
  return changed.length === 1;
}

export async function listInstances(database: Database, limit: number): Promise<InstanceRow[]> {
  return await database.db.select().from(instances).orderBy(desc(instances.startedAt)).limit(limit);
}
