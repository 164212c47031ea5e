/**
 * ctx.checkpoint: saves and loads of the job's own dispatch and participant. While the database is away, what is saved waits
 * in the spool, in order with the job's changes; its version, given when it is stored, is told as SPOOLED_VERSION.
 */
import { z } from "zod";
import { findCheckpoint, type NewCheckpoint, saveCheckpoint } from "../../db/checkpoints.ts";
import type { Database } from "../../db/client.ts";
import { describeDatabaseError } from "../../db/database_error.ts";
import type { LifecycleWriter } from "../coordination/lifecycle_writer.ts";
import { method, type RequestMethod, RequestRefusal } from "./job_requests.ts";

/** What JSON can say and Postgres can't keep: U+0000 and half surrogate pairs, as JSON.stringify escapes them. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

const SPOOLED_VERSION = 0;

export interface CheckpointOptions {
  database: Database;
  maxBytes: number;
  /** Takes saves while the database is away; absent: they are refused then. */
  writer?: Pick<LifecycleWriter, "write" | "isAway">;
  now?: () => Date;
}

export function checkpointRequests(options: CheckpointOptions): Record<string, RequestMethod> {
  const { database, maxBytes, now = () => new Date() } = options;
  /** Saves of one job follow each other, so that the last one asked for is the newest. */
  const lastSave = new Map<string, Promise<unknown>>();
  const inTurn = async <T>(jobId: string, save: () => Promise<T>): Promise<T> => {
    const turn = (lastSave.get(jobId) ?? Promise.resolve()).catch(() => {}).then(save);
    lastSave.set(jobId, turn);
    try {
      return await turn;
    } finally {
      if (lastSave.get(jobId) === turn) lastSave.delete(jobId);
    }
  };
  return {
    "checkpoint.save": method(z.object({ data: z.unknown() }), async (job, { data }) => {
      const json = JSON.stringify(data ?? null);
      const sizeBytes = new TextEncoder().encode(json).length;
      if (sizeBytes > maxBytes) {
        throw new RequestRefusal("too_large", `A checkpoint of ${sizeBytes} bytes; at most ${maxBytes} are kept`);
      }
      if (UNSTORABLE.test(json)) {
        throw new RequestRefusal("invalid", "A checkpoint can't hold the character U+0000 or half a surrogate pair");
      }
      const { dispatchId, participant, jobId, leaseToken, attempt } = job;
      const checkpoint = { dispatchId, participant, jobId, leaseToken, attempt, json, sizeBytes, at: now() };
      const version = await inTurn(jobId, () => available(() => save(options, checkpoint)));
      if (version === null) throw new RequestRefusal("lost", "This job no longer owns its dispatch: nothing was saved");
      return { version };
    }),
    "checkpoint.load": method(z.object({}), async ({ dispatchId, participant }) => {
      const found = await available(() => findCheckpoint(database, dispatchId, participant));
      return { data: found?.data ?? null, version: found?.version ?? null };
    }),
  };
}

async function save({ database, writer }: CheckpointOptions, checkpoint: NewCheckpoint): Promise<number | null> {
  // What waits in the spool comes first.
  if (writer?.isAway) return await spool(writer, checkpoint);
  try {
    return await saveCheckpoint(database, checkpoint);
  } catch (error) {
    if (!writer || describeDatabaseError(error).code === "unexpected") throw error;
    return await spool(writer, checkpoint);
  }
}

async function spool(writer: Pick<LifecycleWriter, "write">, checkpoint: NewCheckpoint): Promise<number | null> {
  const { jobId, dispatchId, leaseToken, at } = checkpoint;
  const written = await writer.write({
    ...{ kind: "checkpoint", job: { jobId, dispatchId, leaseToken }, checkpoint },
    ...{ changeId: crypto.randomUUID(), actor: "agent", cause: "checkpoint", at },
  });
  if (written === "lost") throw new Error("there is no room for it in the spool");
  return written === "refused" ? null : SPOOLED_VERSION;
}

async function available<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new RequestRefusal(
      "unavailable",
      `The database can't be reached: ${error instanceof Error ? error.message : error}`,
    );
  }
}
