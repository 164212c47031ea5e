/** API keys beside the admin key; see core/auth/api_keys.ts for how they are used. */
import { and, desc, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { apiKeys } from "./schema/api_keys.ts";
import type { Role } from "./schema/states.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** Keys that are neither revoked nor expired. */
export async function listValidApiKeys(database: Database, limit: number): Promise<ApiKeyRow[]> {
  return await database.db.select().from(apiKeys)
    .where(and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, sql`now()`))))
    .limit(limit);
}

/** All keys, revoked ones too, newest first. */
export async function listApiKeys(database: Database, limit: number): Promise<ApiKeyRow[]> {
  return await database.db.select().from(apiKeys).orderBy(desc(apiKeys.createdAt), desc(apiKeys.id)).limit(limit);
}

export async function findApiKeyByName(database: Database, name: string): Promise<ApiKeyRow | null> {
  const [row] = await database.db.select().from(apiKeys).where(eq(apiKeys.name, name));
  return row ?? null;
}

/** Null when the name (or digest) is taken, by a revoked key too: names stand in history. */
export async function insertApiKey(
  database: Database,
  key: { id: string; name: string; role: Role; digest: string; expiresAt: Date | null },
): Promise<ApiKeyRow | null> {
  const [row] = await database.db.insert(apiKeys).values(key).onConflictDoNothing().returning();
  return row ?? null;
}

/** Null when there is no such key; one that is revoked already keeps its time. */
export async function revokeApiKey(database: Database, id: string): Promise<ApiKeyRow | null> {
  const [row] = await database.db.update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` }).where(eq(apiKeys.id, id)).returning();
  return row ?? null;
}

export async function touchApiKey(database: Database, id: string): Promise<void> {
  await database.db.update(apiKeys).set({ lastUsedAt: sql`now()` }).where(eq(apiKeys.id, id));
}
