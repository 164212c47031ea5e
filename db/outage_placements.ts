/**
 * Jobs that LiveKit assigned while the database was away, and that run already: stored when it is back, as they would have
 * been at their assignment. The guards of the ordinary statements decide; who loses is ended by its instance.
 */
import { sql } from "drizzle-orm";
import { assignLivekitJob } from "./claims.ts";
import type { Database } from "./client.ts";
import { insertPlacedDispatch, type NewDispatch, type NewJob } from "./dispatches.ts";
import type { JobKey } from "./job_key.ts";
import { addParticipantJob } from "./standing_dispatches.ts";
import { type Change, rows } from "./statement.ts";

export interface JobPlacing extends Change {
  kind: "placed";
  job: JobKey;
  newJob: NewJob;
  /** The dispatch, should there be none: LiveKit's own. When it `isOurs` only its ids count. */
  dispatch: NewDispatch;
  /** Whether our own CreateDispatch call asked for it, so that its row is there. */
  isOurs: boolean;
}

/**
 * Stores the job. Returns its dispatch, which may be another one than was thought: LiveKit's dispatch was stored by somebody
 * else meanwhile. Null: refused. A job that is stored already is taken as it is, so that this may be repeated.
 */
export async function storeOutagePlacing(database: Database, placing: JobPlacing): Promise<string | null> {
  const stored = await findStored(database, placing.job);
  if (stored !== null) return stored;
  return placing.isOurs ? await storeOurs(database, placing) : await storeForeign(database, placing);
}

async function storeOurs(database: Database, { dispatch, newJob, ...change }: JobPlacing): Promise<string | null> {
  const livekitDispatchId = dispatch.livekitDispatchId ?? "";
  const claimed = await assignLivekitJob(database, dispatch.id, livekitDispatchId, newJob, change);
  if (claimed !== null) return claimed.id;
  const standing = { server: dispatch.server, dispatchId: dispatch.id, livekitDispatchId };
  return (await addParticipantJob(database, standing, newJob, change))?.dispatchId ?? null;
}

async function storeForeign(database: Database, { dispatch, newJob, ...change }: JobPlacing): Promise<string | null> {
  const { server, livekitDispatchId } = dispatch;
  const isKnown = async () => livekitDispatchId !== null && await hasLivekitId(database, server, livekitDispatchId);
  const join = async () => {
    const standing = { server, dispatchId: null, livekitDispatchId: livekitDispatchId ?? "" };
    return (await addParticipantJob(database, standing, newJob, change))?.dispatchId ?? null;
  };
  if (await isKnown()) return await join();
  try {
    const isStored = await insertPlacedDispatch(database, dispatch, newJob, change, null, { mayOvertake: true });
    return isStored ? dispatch.id : null;
  } catch (error) {
    // Another instance stored LiveKit's dispatch between the two.
    if (await isKnown()) return await join();
    throw error;
  }
}

async function findStored(database: Database, { jobId, leaseToken }: JobKey): Promise<string | null> {
  const [found] = await rows<{ id: string }>(
    database,
    sql`select dispatch_id as id from jobs where id = ${jobId}::uuid and lease_token = ${leaseToken}::uuid`,
  );
  return found?.id ?? null;
}

async function hasLivekitId(database: Database, server: string, livekitDispatchId: string): Promise<boolean> {
  const found = await rows(
    database,
    sql`select id from dispatches where server = ${server} and livekit_dispatch_id = ${livekitDispatchId}`,
  );
  return found.length > 0;
}
