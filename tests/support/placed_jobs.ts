/** Dispatches with their first job assigned to `instanceId`, as the dispatcher stores them; nothing runs. */
import { uuidv7 } from "../../core/lifecycle/uuid.ts";
import type { Database } from "../../db/client.ts";
import { insertPlacedDispatch } from "../../db/dispatches.ts";
import type { JobKey } from "../../db/jobs.ts";

export async function placeJobs(database: Database, count: number, instanceId = uuidv7()): Promise<JobKey[]> {
  return await Promise.all(Array.from({ length: count }, () => placeJob(database, instanceId)));
}

async function placeJob(database: Database, instanceId: string): Promise<JobKey> {
  const at = new Date();
  const key: JobKey = { jobId: uuidv7(), dispatchId: uuidv7(), leaseToken: crypto.randomUUID() };
  const dispatch = {
    ...{ id: key.dispatchId, agent: "echo", server: "test", room: "room", rankAt: at, metadata: null },
    ...{ priority: "normal", placement: "direct", origin: "rest" } as const,
    ...{ retryOf: null, livekitDispatchId: null, traceparent: null, waitingReason: null, participantIdentity: null },
  };
  const job = {
    ...{ id: key.jobId, leaseToken: key.leaseToken, attempt: 1, participant: null, instanceId },
    ...{ participantIdentity: `agent-${key.jobId}`, workerId: null, livekitJobId: null },
  };
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "requested", at };
  if (!await insertPlacedDispatch(database, dispatch, job, change, null, { mayOvertake: true })) {
    throw new Error("the job could not be placed");
  }
  return key;
}
