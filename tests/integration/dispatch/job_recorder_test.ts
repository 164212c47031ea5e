import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import { JobRecorder } from "../../../core/runtime/job_recorder.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import type { NextStep } from "../../../db/job_changes.ts";
import type { JobKey } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
import { eventually } from "../../support/eventually.ts";
import { withWriter } from "../../support/lifecycle_writer.ts";
import { placeJobs } from "../../support/placed_jobs.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { withProxiedDatabase } from "../../support/postgres_proxy.ts";

const SUCCEEDED: JobEnd = { outcome: "succeeded", endReason: "entry_returned" };
const FINAL: NextStep = { kind: "final" };

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

async function placedJob(): Promise<JobKey> {
  const [key] = await placeJobs(test.database, 1);
  assert.ok(key);
  return key;
}

async function stored({ dispatchId }: JobKey) {
  const found = await findDispatch(test.database, dispatchId);
  assert.ok(found?.jobs[0]);
  return { dispatch: found.dispatch, job: found.jobs[0] };
}

const at = (ms: number) => new Date(Date.parse("2026-11-22T12:00:00Z") + ms);
const OWN = { actor: "instance:test", logger: silentLogger };

Deno.test("JobRecorder writes stages and end in order, each with its own time", async () => {
  const key = await placedJob();
  await withWriter(test.database, async (writer) => {
    const recorder = new JobRecorder(key, { ...OWN, database: test.database, writer });
    recorder.entered(42, at(1));
    recorder.stage("connected", at(2));
    recorder.stage("ready", at(3));
    assert.equal(await recorder.ended(SUCCEEDED, at(4), FINAL), "written");
  });
  const { job, dispatch } = await stored(key);
  assert.deepEqual([job.state, dispatch.state, job.pid, job.isolation], ["succeeded", "succeeded", 42, "process"]);
  for (const row of [job, dispatch]) {
    assert.deepEqual([row.enteredAt, row.connectedAt, row.readyAt, row.endedAt], [at(1), at(2), at(3), at(4)]);
  }
});

Deno.test("JobRecorder keeps a job's end, with its flags, while the database is away", async () => {
  const key = await placedJob();
  await withProxiedDatabase(test.connection, (database, proxy) =>
    withWriter(database, async (writer) => {
      const recorder = new JobRecorder(key, { ...OWN, database, writer });
      proxy.refuse();
      recorder.entered(42, at(1));
      recorder.flag("never_connected");
      assert.equal(await recorder.ended(SUCCEEDED, at(4), FINAL), "spooled");
      assert.equal((await stored(key)).job.state, "assigned");
      proxy.restore();
      await eventually(() => !writer.isAway);
    }));
  const { job } = await stored(key);
  assert.deepEqual([job.state, job.enteredAt, job.flags], ["succeeded", at(1), ["never_connected"]]);
});

Deno.test("JobRecorder writes nothing under a lease that is not its own any more", async () => {
  const key = await placedJob();
  await rows(test.database, sql`update jobs set lease_token = gen_random_uuid() where id = ${key.jobId}`);
  await withWriter(test.database, async (writer) => {
    const recorder = new JobRecorder(key, { ...OWN, database: test.database, writer });
    recorder.entered(42, at(1));
    assert.equal(await recorder.ended(SUCCEEDED, at(4), FINAL), "refused");
  });
  assert.equal((await stored(key)).job.state, "assigned");
});
