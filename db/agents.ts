/** Agents that this fleet has seen: names in here are known even when nobody serves them now. */
import { eq, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { agents } from "./schema/agents.ts";

export type AgentRow = typeof agents.$inferSelect;

export async function upsertAgent(
  database: Database,
  agent: { name: string; file: string; isBroken: boolean; error: string | null; descriptor: unknown },
): Promise<void> {
  const { name, ...rest } = agent;
  await database.db.insert(agents).values(agent).onConflictDoUpdate({
    target: agents.name,
    // A file that no longer loads keeps the last good descriptor, so that its queue can still be explained.
    set: { ...rest, descriptor: rest.descriptor ?? sql`${agents.descriptor}`, lastSeenAt: sql`now()` },
    where: eq(agents.name, name),
  });
}

export async function listAgentRows(database: Database): Promise<AgentRow[]> {
  return await database.db.select().from(agents).orderBy(agents.name).limit(10_000);
}

export async function findAgentRow(database: Database, name: string): Promise<AgentRow | null> {
  const [row] = await database.db.select().from(agents).where(eq(agents.name, name));
  return row ?? null;
}
