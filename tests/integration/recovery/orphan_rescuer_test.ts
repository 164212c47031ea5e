import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { LossRecorder } from "../../../core/recovery/loss_recorder.ts";
import { OrphanRescuer, type OrphanRescuerOptions } from "../../../core/recovery/orphan_rescuer.ts";
import { RecoveryAdvisor } from "../../../core/recovery/recovery_advisor.ts";
import { CALM_MS } from "../../../core/recovery/room_verdict.ts";
import { listAttempts } from "../../../db/attempts.ts";
import { requestCancel } from "../../../db/cancel_requests.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertInstance, reviveInstance, setInstanceState } from "../../../db/instances.ts";
import { applyJobChanges } from "../../../db/job_changes.ts";
import type { JobKey } from "../../../db/jobs.ts";
import { listLosses } from "../../../db/losses.ts";
import { listMovedOn } from "../../../db/orphans.ts";
import { rows } from "../../../db/statement.ts";
import { FakeRoom } from "../../support/fake_room.ts";
import { placeJobs } from "../../support/placed_jobs.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let server: TestPostgres;
let test: TestDatabase;
let room: FakeRoom;
let deadId: string;
let job: JobKey;

Deno.test.beforeAll(async () => {
  server = await startTestPostgres();
});
Deno.test.afterAll(() => server.stop());
Deno.test.beforeEach(async () => {
  test = await server.createTestDatabase();
  room = new FakeRoom();
  deadId = await makeInstance();
  job = (await placeJobs(test.database, 1, deadId))[0]!;
  await rows(test.database, sql`update jobs set connected_at = now() where id = ${job.jobId}`);
  await setInstanceState(test.database, deadId, "lost");
});
Deno.test.afterEach(() => test.drop());

async function makeInstance(): Promise<string> {
  const id = uuidv7();
  const row = { id, hostname: "h", pid: 1, version: "0", maxJobs: 1, region: null, zone: null };
  await insertInstance(test.database, row);
  return id;
}

const settings = { recoveryMaxAttempts: 3, recoveryMaxAgeMs: 3_600_000, recoveryStableMs: 60_000 };

function rescuerOf(changes: Partial<OrphanRescuerOptions> = {}) {
  const catalog = { find: () => null };
  const losses = new LossRecorder({ database: test.database, catalog, logger: silentLogger });
  const retries: (Date | null)[] = [];
  const rescuer = new OrphanRescuer({
    ...{ database: test.database, instanceId: uuidv7(), previousInstanceId: null, api: room, losses },
    advisor: new RecoveryAdvisor({
      ...{ catalog, settings, logger: silentLogger, livekitReachableForMs: () => 3_600_000 },
      attempts: (query) => listAttempts(test.database, query),
    }),
    reachableForMs: () => CALM_MS,
    isSpooling: () => false,
    onRetry: (notBefore) => retries.push(notBefore),
    logger: silentLogger,
    ...changes,
  });
  return { rescuer, losses, retries };
}

async function outcome() {
  const found = await findDispatch(test.database, job.dispatchId);
  const [row] = found?.jobs ?? [];
  return { dispatch: found?.dispatch.state, job: row?.state, endReason: row?.endReason, kind: row?.failureKind };
}

const WATCHED = { dispatch: "placed", job: "assigned", endReason: null, kind: null };
const RETRIED = { dispatch: "queued", job: "failed", endReason: "instance_lost", kind: "instance_lost" };

Deno.test("OrphanRescuer queues a dead instance's dispatch again when its agent is gone from the room, and notes the loss", async () => {
  room.addHuman("anna");
  const { rescuer, losses, retries } = rescuerOf();
  await rescuer.look();
  assert.deepEqual(await outcome(), RETRIED);
  assert.deepEqual(retries, [null]);
  await losses.settled();
  const [loss] = await listLosses(test.database, { limit: 2 });
  assert.deepEqual([loss?.jobId, loss?.cause, loss?.wasHumanThere], [job.jobId, "instance_lost", true]);
  assert.deepEqual(await listMovedOn(test.database, [job]), [job.jobId]);
});

Deno.test("OrphanRescuer leaves an agent alone that answers its probes, and takes over when it falls silent", async () => {
  const identity = `agent-${job.jobId}`;
  room.addAgent(identity);
  room.answering.add(identity);
  const { rescuer } = rescuerOf();
  for (let look = 0; look < 3; look++) await rescuer.look();
  assert.deepEqual([await outcome(), room.probes], [WATCHED, 1]);
  room.participants = [];
  await rescuer.look();
  assert.deepEqual(await outcome(), RETRIED);
});

Deno.test("OrphanRescuer removes an agent of the data directory's previous owner without a probe", async () => {
  const identity = `agent-${job.jobId}`;
  room.addAgent(identity);
  await rescuerOf({ previousInstanceId: deadId }).rescuer.look();
  assert.deepEqual([room.removed, room.probes, await outcome()], [[identity], 0, RETRIED]);
});

Deno.test("OrphanRescuer gives no verdict while LiveKit can't be asked or changes of its own wait in the spool", async () => {
  room.isReachable = false;
  await rescuerOf().rescuer.look();
  room.isReachable = true;
  await rescuerOf({ isSpooling: () => true }).rescuer.look();
  assert.deepEqual(await outcome(), WATCHED);
});

Deno.test("OrphanRescuer ends a dispatch whose people have left, once LiveKit has been there for a calm time", async () => {
  await rows(test.database, sql`update jobs set human_seen_at = now() where id = ${job.jobId}`);
  const restless = rescuerOf({ reachableForMs: () => CALM_MS - 1 });
  await restless.rescuer.look();
  assert.deepEqual(await outcome(), WATCHED);
  await rows(test.database, sql`update jobs set rescuer_id = null where id = ${job.jobId}`);
  await rescuerOf().rescuer.look();
  assert.deepEqual(await outcome(), { ...RETRIED, dispatch: "failed", endReason: "room_closed" });
});

Deno.test("OrphanRescuer ends as cancelled what was to be cancelled when its owner died, even while its agent answers", async () => {
  const identity = `agent-${job.jobId}`;
  room.addAgent(identity);
  room.answering.add(identity);
  assert.equal(await requestCancel(test.database, job.dispatchId), true);
  room.isReachable = false;
  const { rescuer, retries } = rescuerOf();
  await rescuer.look();
  assert.deepEqual(await outcome(), WATCHED);
  room.isReachable = true;
  await rescuer.look();
  const cancelled = { dispatch: "cancelled", job: "cancelled", endReason: "cancelled", kind: "instance_lost" };
  assert.deepEqual([await outcome(), room.removed, room.probes, retries], [cancelled, [identity], 0, []]);
  // Its owner, should it be back, is told that the job is not its own any more.
  assert.deepEqual(await listMovedOn(test.database, [job]), [job.jobId]);
  assert.equal(await requestCancel(test.database, job.dispatchId), false);
});

/** Two jobs that failed before, so that the orphan is the third attempt. */
async function failedTwice(): Promise<void> {
  await rows(
    test.database,
    sql`insert into jobs (id, dispatch_id, attempt, agent, server, room, state, instance_id, participant_identity,
        lease_token, created_at, ended_at, failure_kind, change_id)
      select gen_random_uuid(), dispatch_id, each, agent, server, room, 'failed', instance_id, 'agent-' || each,
        gen_random_uuid(), created_at, created_at, 'signal', gen_random_uuid()
      from jobs, generate_series(1, 2) each where id = ${job.jobId}`,
  );
  await rows(test.database, sql`update jobs set attempt = 3 where id = ${job.jobId}`);
}

Deno.test("OrphanRescuer gives up a dispatch that has used its attempts", async () => {
  await failedTwice();
  await rescuerOf().rescuer.look();
  const { dispatch } = (await findDispatch(test.database, job.dispatchId))!;
  assert.deepEqual([dispatch.state, dispatch.failureCode], ["failed", "instance_lost"]);
});

Deno.test("OrphanRescuer does not give up a call that was served for long before its instance died", async () => {
  await failedTwice();
  await rows(test.database, sql`update jobs set ready_at = now() - interval '1 hour' where id = ${job.jobId}`);
  await rescuerOf().rescuer.look();
  assert.equal((await findDispatch(test.database, job.dispatchId))!.dispatch.state, "queued");
});

Deno.test("OrphanRescuer watches what no other does, and nothing of an instance that is back", async () => {
  const identity = `agent-${job.jobId}`;
  room.addAgent(identity);
  const [first, second] = [rescuerOf().rescuer, rescuerOf().rescuer];
  await first.look();
  await second.look();
  assert.deepEqual([first.watched.length, second.watched.length], [1, 0]);
  await reviveInstance(test.database, deadId, "running");
  await first.look();
  assert.equal(first.watched.length, 0);
  assert.deepEqual(await outcome(), WATCHED);
});

Deno.test("A late write of the dead instance changes nothing after its job was rescued", async () => {
  await rescuerOf().rescuer.look();
  const change = { job, changeId: crypto.randomUUID(), actor: "zombie", cause: "late", at: new Date() };
  const end = { state: "succeeded", endReason: "x", failure: null, flags: [], resources: null } as const;
  const late = { ...change, kind: "ended", end: { ...end, humanSeenAt: null }, next: { kind: "final" } } as const;
  assert.deepEqual(await applyJobChanges(test.database, [late]), [false]);
  assert.deepEqual(await outcome(), RETRIED);
});
