/**
 * Makes the first requests after a start as fast as later ones. Postgres plans a prepared statement anew for its first
 * five runs on each connection, and a connection's first run also reads what it needs to know of the tables: on an idle
 * pool the placing of a dispatch took 9 ms for the first ten requests and 3 for the next forty, then 2 (measured).
 *
 * So each connection, one after another, places a made-up dispatch some times and takes it all back: it is never committed,
 * so nobody sees it and no commit waits for the disk. A connection that is opened later goes without.
 */
import type { Database } from "./client.ts";
import { insertPlacedDispatch, type NewDispatch } from "./dispatches.ts";

/** One more than the plans that are not kept. */
const TIMES = 6;

/** @param connections of the pool. */
export async function rehearsePlacing(database: Database, instanceId: string, connections: number): Promise<void> {
  for (let count = 0; count < connections; count++) {
    const connection = await database.sql.reserve();
    try {
      await connection.unsafe("begin");
      for (let time = 0; time < TIMES; time++) await place({ ...database, sql: connection }, instanceId);
      await connection.unsafe("rollback");
    } catch (error) {
      // It may be what is broken: then this does nothing, and the first error is the one to tell.
      await connection.unsafe("rollback").catch(() => {});
      throw error;
    } finally {
      connection.release();
    }
  }
}

async function place(database: Database, instanceId: string): Promise<void> {
  const at = new Date();
  const dispatch: NewDispatch = {
    id: crypto.randomUUID(),
    ...{ agent: "rehearsal", server: "rehearsal", room: "rehearsal", priority: "normal" },
    ...{ placement: "direct", origin: "rest", retryOf: null, livekitDispatchId: null, metadata: null },
    ...{ traceparent: null, rankAt: at, waitingReason: null, participantIdentity: null },
  };
  const job = {
    ...{ id: crypto.randomUUID(), attempt: 1, participant: null, participantIdentity: "rehearsal" },
    ...{ instanceId, workerId: null, livekitJobId: null, leaseToken: crypto.randomUUID() },
  };
  const change = { changeId: crypto.randomUUID(), actor: `instance:${instanceId}`, cause: "rehearsed", at };
  await insertPlacedDispatch(database, dispatch, job, change, null);
}
