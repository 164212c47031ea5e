import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { LossRecorder } from "../../../core/recovery/loss_recorder.ts";
import { RecoveryAdvisor } from "../../../core/recovery/recovery_advisor.ts";
import { SILENT_AFTER_MS, SilentRooms } from "../../../core/recovery/silent_rooms.ts";
import { listAttempts } from "../../../db/attempts.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
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
let job: JobKey;
let nowMs: number;

Deno.test.beforeAll(async () => {
  server = await startTestPostgres();
});
Deno.test.afterAll(() => server.stop());
Deno.test.beforeEach(async () => {
  test = await server.createTestDatabase();
  room = new FakeRoom();
  nowMs = Date.now();
  job = (await placeJobs(test.database, 1))[0]!;
  await rows(
    test.database,
    sql`with job as (update jobs set state = 'running', connected_at = now() - interval '1 minute' where id = ${job.jobId})
      update dispatches set state = 'running' where id = ${job.dispatchId}`,
  );
});
Deno.test.afterEach(() => test.drop());

function watchOf() {
  const catalog = { find: () => null };
  const losses = new LossRecorder({ database: test.database, catalog, logger: silentLogger });
  const settings = { recoveryMaxAttempts: 3, recoveryMaxAgeMs: 3_600_000, recoveryStableMs: 60_000 };
  const watch = new SilentRooms({
    ...{ database: test.database, instanceId: uuidv7(), server: "test", api: room, losses },
    advisor: new RecoveryAdvisor({
      ...{ catalog, settings, logger: silentLogger, livekitReachableForMs: () => 3_600_000 },
      attempts: (query) => listAttempts(test.database, query),
    }),
    isLeader: () => true,
    isSpooling: () => false,
    onRetry: () => {},
    logger: silentLogger,
    now: () => new Date(nowMs),
  });
  return { watch, losses };
}

async function found() {
  const { dispatch, jobs: [row] } = (await findDispatch(test.database, job.dispatchId))!;
  return { dispatch: dispatch.state, endReason: row?.endReason, wasHumanSeen: row?.humanSeenAt !== null };
}

Deno.test("SilentRooms replaces an agent that LiveKit does not show while people wait, after a while and not at once", async () => {
  room.addHuman("anna");
  const { watch, losses } = watchOf();
  const since = new Date(nowMs);
  await watch.look();
  nowMs += SILENT_AFTER_MS - 1;
  await watch.look();
  assert.deepEqual(await found(), { dispatch: "running", endReason: null, wasHumanSeen: true });
  nowMs += 1;
  await watch.look();
  assert.deepEqual(await found(), { dispatch: "queued", endReason: "silent_room", wasHumanSeen: true });
  await losses.settled();
  const [loss] = await listLosses(test.database, { limit: 1 });
  assert.deepEqual([loss?.cause, loss?.lostAt], ["silent_room", since]);
  assert.deepEqual(await listMovedOn(test.database, [job]), [job.jobId]);
});

for (
  const [what, seeAgain] of [
    ["its agent is seen again", () => room.addAgent(`agent-${job.jobId}`)],
    ["nobody is there any more", () => void (room.participants = [])],
    ["LiveKit can't be asked", () => void (room.isReachable = false)],
  ] as const
) {
  Deno.test(`SilentRooms leaves a job alone when ${what}`, async () => {
    room.addHuman("anna");
    const { watch } = watchOf();
    await watch.look();
    seeAgain();
    nowMs += SILENT_AFTER_MS;
    await watch.look();
    nowMs += SILENT_AFTER_MS - 1;
    await watch.look();
    assert.equal((await found()).dispatch, "running");
  });
}
