/** Instances: one row per start; their heartbeat and lock are in session_lock.ts. */
import { desc, eq, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { instances } from "./schema/instances.ts";
import type { InstanceState } from "./schema/states.ts";

export type InstanceRow = typeof instances.$inferSelect;

export type NewInstance = Pick<InstanceRow, "id" | "hostname" | "pid" | "version" | "maxJobs" | "region" | "zone">;

export async function insertInstance(database: Database, instance: NewInstance): Promise<void> {
  await database.db.insert(instances).values({ ...instance, state: "starting" });
}

/** Moves an instance to `state`; "stopped" and "lost" end it, and an ended one stays as it is. */
export async function setInstanceState(database: Database, id: string, state: InstanceState): Promise<boolean> {
  const ends = state === "stopped" || state === "lost";
  const changed = await database.db.update(instances).set({ state, ...(ends ? { endedAt: sql`now()` } : {}) })
    .where(sql`${instances.id} = ${id} and ${instances.endedAt} is null`).returning({ id: instances.id });
  return changed.length === 1;
}

/** Whether it takes jobs, for the other instances and the pages. An ended instance stays as it is. */
export async function setInstanceIntake(
  database: Database,
  id: string,
  intake: { cordonedAt: Date | null; drainDeadlineAt: Date | null },
): Promise<void> {
  await database.db.update(instances).set(intake).where(sql`${instances.id} = ${id} and ${instances.endedAt} is null`);
}

/** Opens the row of an instance that others had taken for dead. */
export async function reviveInstance(database: Database, id: string, state: InstanceState): Promise<void> {
  await database.db.update(instances).set({ state, endedAt: null, heartbeatAt: sql`now()` }).where(
    eq(instances.id, id),
  );
}

export async function findInstance(database: Database, id: string): Promise<InstanceRow | null> {
  const [found] = await database.db.select().from(instances).where(eq(instances.id, id)).limit(1);
  return found ?? null;
}

export async function listInstances(database: Database, limit: number): Promise<InstanceRow[]> {
  return await database.db.select().from(instances).orderBy(desc(instances.startedAt)).limit(limit);
}
