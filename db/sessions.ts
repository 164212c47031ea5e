/** Sessions of signed-in browsers; see core/auth/sessions.ts for their rules. */
import { and, eq, gt, lt, or, sql } from "drizzle-orm";
import type { Database } from "./client.ts";
import { sessions } from "./schema/sessions.ts";
import type { Role } from "./schema/states.ts";

export type SessionRow = typeof sessions.$inferSelect;

export async function insertSession(
  database: Database,
  session: { digest: string; name: string; role: Role; createdAt: Date; expiresAt: Date },
): Promise<void> {
  await database.db.insert(sessions).values({ ...session, lastSeenAt: session.createdAt });
}

/** Null when there is none, it is past its end, or it was last seen before `seenAfter`. */
export async function findSession(
  database: Database,
  { digest, now, seenAfter }: { digest: string; now: Date; seenAfter: Date },
): Promise<SessionRow | null> {
  const [row] = await database.db.select().from(sessions)
    .where(and(eq(sessions.digest, digest), gt(sessions.expiresAt, now), gt(sessions.lastSeenAt, seenAfter)));
  return row ?? null;
}

export async function touchSession(database: Database, digest: string, now: Date): Promise<void> {
  await database.db.update(sessions).set({ lastSeenAt: sql`greatest(${sessions.lastSeenAt}, ${now.toISOString()})` })
    .where(eq(sessions.digest, digest));
}

export async function deleteSession(database: Database, digest: string): Promise<void> {
  await database.db.delete(sessions).where(eq(sessions.digest, digest));
}

/** Ends every session that was opened with this key. */
export async function deleteSessionsOf(database: Database, name: string): Promise<void> {
  await database.db.delete(sessions).where(eq(sessions.name, name));
}

/** Deletes sessions that have ended or were not seen since `seenBefore`. */
export async function pruneSessions(
  database: Database,
  { now, seenBefore }: { now: Date; seenBefore: Date },
): Promise<void> {
  await database.db.delete(sessions).where(or(lt(sessions.expiresAt, now), lt(sessions.lastSeenAt, seenBefore)));
}
