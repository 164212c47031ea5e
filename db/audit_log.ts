/** The audit log: append-only; read newest first. */
import { desc, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import type { Cursor } from "./page.ts";
import { auditLog } from "./schema/audit_log.ts";

export type AuditRow = typeof auditLog.$inferSelect;

export async function insertAuditRows(database: Database, rows: readonly AuditRow[]): Promise<void> {
  // The ids are made before the first try: a batch whose answer was lost is not written twice.
  await database.db.insert(auditLog).values([...rows]).onConflictDoNothing();
}

/** A page of the log, newest first. */
export async function listAuditRows(
  database: Database,
  { limit, cursor }: { limit: number; cursor: Cursor | null },
): Promise<AuditRow[]> {
  return await database.db.select().from(auditLog).where(
    cursor === null
      ? undefined
      : sql`(${auditLog.at}, ${auditLog.id}) < (${cursor.createdAt.toISOString()}::timestamptz, ${cursor.id}::uuid)`,
  ).orderBy(desc(auditLog.at), desc(auditLog.id)).limit(limit);
}
