/** Jobs that run again what LiveKit had placed: which ones are found lost, and what LiveKit's record says of them. */
import assert from "node:assert/strict";
import type { AgentDispatch, Room } from "@livekit/protocol";
import { sql } from "drizzle-orm";
import { LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { LivekitRecords } from "../../../core/dispatch/livekit_records.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import type { RunningJob } from "../../../core/runtime/job_runner.ts";
import { listAttempts } from "../../../db/attempts.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertPlacedDispatch, type NewDispatch, type NewJob } from "../../../db/dispatches.ts";
import { addJobFlag, endJob } from "../../../db/jobs.ts";
import { listLostParticipantJobs, NOT_RERUN } from "../../../db/reruns.ts";
import { addParticipantJob } from "../../../db/standing_dispatches.ts";
import { rows } from "../../../db/statement.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
});
Deno.test.afterEach(() => test.drop());

const HERE = uuidv7();
const FAILURE = {
  ...{ code: "signal", kind: "signal", message: "killed", remedy: "", fingerprint: "f", stack: null, exitCode: null },
  ...{ signal: "SIGKILL", class: null, retryAfterMs: null },
};

const change = () => ({ changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() });

function newJob(participant: string | null, livekitJobId: string | null = null): NewJob {
  const ids = { id: uuidv7(), instanceId: HERE, workerId: null, leaseToken: crypto.randomUUID(), livekitJobId };
  return { ...ids, attempt: 1, participant, participantIdentity: `agent-${ids.id}` };
}

/** A dispatch that LiveKit placed, with its first job. */
async function placed(job: NewJob, livekitDispatchId = "AD_1"): Promise<string> {
  const dispatch: NewDispatch = {
    ...{ id: uuidv7(), agent: "for_one", server: "local", room: "room", priority: "normal", placement: "livekit" },
    ...{ origin: "livekit", retryOf: null, livekitDispatchId, metadata: null, traceparent: null },
    ...{ rankAt: new Date(), waitingReason: null, participantIdentity: null },
  } as NewDispatch;
  assert.ok(await insertPlacedDispatch(test.database, dispatch, job, change(), null, { mayOvertake: true }));
  return dispatch.id;
}

function end(dispatchId: string, job: NewJob, state: "failed" | "succeeded") {
  const key = { jobId: job.id, dispatchId, leaseToken: job.leaseToken };
  const failure = state === "failed" ? FAILURE : null;
  return endJob(test.database, key, { state, endReason: "process_gone", failure }, change());
}

const lost = (instanceId = HERE, agents = ["for_one"]) =>
  listLostParticipantJobs(test.database, { server: "local", instanceId, agents, limit: 10 });

Deno.test("a participant's failed job is found until another one was placed for it, or it was given up", async () => {
  const ada = newJob("ada");
  const id = await placed(ada);
  const add = (job: NewJob) =>
    addParticipantJob(test.database, { server: "local", dispatchId: id, livekitDispatchId: "AD_1" }, job, change());
  const bob = newJob("bob");
  assert.ok(await add(bob));
  assert.deepEqual(await lost(), []);
  await end(id, bob, "failed");
  const [found] = await lost();
  assert.deepEqual([found?.jobId, found?.participant, found?.jobCount], [bob.id, "bob", 1]);
  assert.deepEqual([found?.livekitDispatchId, found?.failureKind, found?.room], ["AD_1", "signal", "room"]);
  assert.deepEqual(await lost(HERE, ["other"]), []);

  const again = newJob("bob");
  assert.equal((await add(again))?.attempt, 2);
  assert.deepEqual(await lost(), []);
  await end(id, again, "failed");
  assert.deepEqual((await lost()).map(({ jobId, jobCount }) => [jobId, jobCount]), [[again.id, 2]]);
  const attempts = await listAttempts(test.database, { dispatchId: id, participant: "bob", limit: 9 });
  assert.deepEqual(attempts.map(({ jobId, state }) => [jobId, state]), [[again.id, "failed"], [bob.id, "failed"]]);
  const all = await listAttempts(test.database, { dispatchId: id, participant: null, limit: 9 });
  assert.deepEqual(all.map(({ jobId }) => jobId), [again.id, bob.id, ada.id]);
  assert.ok(attempts.every(({ createdAt, readyAt, endedAt }) => readyAt === null && endedAt! >= createdAt));
  await addJobFlag(test.database, { jobId: again.id, dispatchId: id, leaseToken: again.leaseToken }, NOT_RERUN);
  assert.deepEqual(await lost(), []);

  await end(id, ada, "succeeded");
  const adaAgain = newJob("ada");
  await add(adaAgain);
  await end(id, adaAgain, "failed");
  assert.deepEqual((await lost()).map(({ jobCount }) => jobCount), [2]);
});

Deno.test("what failed on another instance is left to it for a while, unless that instance was lost", async () => {
  const ada = newJob("ada");
  const id = await placed(ada);
  await end(id, ada, "failed");
  const other = uuidv7();
  assert.deepEqual(await lost(other), []);
  await rows(test.database, sql`update jobs set failure_kind = 'instance_lost' where id = ${ada.id}`);
  assert.equal((await lost(other)).length, 1);
  await rows(
    test.database,
    sql`update jobs set failure_kind = 'signal', ended_at = now() - interval '11 seconds' where id = ${ada.id}`,
  );
  assert.equal((await lost(other)).length, 1);
});

/** Jobs that run again in one room, and what LiveKit has of it. */
async function watched() {
  const rerun = newJob(null);
  const dispatchId = await placed(rerun);
  const server = { sid: "RM_1" as string | null, records: ["AD_1"] };
  const cancelled: string[] = [];
  const records = new LivekitRecords({
    ...{ database: test.database, instanceId: HERE, server: "local", live: new LiveDispatches() },
    api: {
      listRooms: () => Promise.resolve(server.sid === null ? [] : [{ name: "room", sid: server.sid } as Room]),
      listDispatches: () => Promise.resolve(server.records.map((id) => ({ id }) as AgentDispatch)),
    },
    runner: {
      find: (jobId) =>
        ({ cancel: (reason: string) => void cancelled.push(`${jobId} ${reason}`) }) as unknown as RunningJob,
    },
    logger: silentLogger,
  });
  return { rerun, dispatchId, server, cancelled, records };
}

Deno.test("deleting LiveKit's dispatch ends the job that runs again for it", async () => {
  const { rerun, server, cancelled, records } = await watched();
  assert.equal(await records.lookOnce(), 0);
  server.records = [];
  assert.equal(await records.lookOnce(), 1);
  assert.deepEqual(cancelled, [`${rerun.id} terminated_by_livekit`]);
});

Deno.test("a record that was never seen, a room that is gone or was begun anew, ends no job", async () => {
  const { server, cancelled, records } = await watched();
  server.records = [];
  assert.equal(await records.lookOnce(), 0);
  server.records = ["AD_1"];
  await records.lookOnce();
  server.records = [];
  server.sid = "RM_2"; // LiveKit restarted: the call goes on in a new life of the room
  assert.equal(await records.lookOnce(), 0);
  assert.equal(await records.lookOnce(), 0);
  server.sid = null;
  assert.equal(await records.lookOnce(), 0);
  assert.deepEqual(cancelled, []);
});

Deno.test("deleting LiveKit's dispatch cancels one that waits for its next attempt", async () => {
  const { rerun, dispatchId, server, cancelled, records } = await watched();
  await rows(test.database, sql`delete from jobs where id = ${rerun.id}`);
  await rows(
    test.database,
    sql`update dispatches set state = 'queued', placement = 'direct', assigned_at = null where id = ${dispatchId}`,
  );
  assert.equal(await records.lookOnce(), 0);
  server.records = [];
  assert.equal(await records.lookOnce(), 1);
  assert.equal((await findDispatch(test.database, dispatchId))?.dispatch.state, "cancelled");
  assert.deepEqual(cancelled, []);
});
