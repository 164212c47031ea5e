import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { checkpointRequests } from "../../../core/runtime/checkpoint_requests.ts";
import { findCheckpoint, saveCheckpoint } from "../../../db/checkpoints.ts";
import { endJob, type JobKey } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
import { dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
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

async function assignedJob(): Promise<JobKey> {
  const instance = dispatchFixture(test.database);
  await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  const key = instance.jobs.plans[0]?.key;
  assert.ok(key);
  return key;
}

function save(key: JobKey, data: unknown, participant: string | null = null) {
  const json = JSON.stringify(data);
  const checkpoint = { ...key, participant, attempt: 1, json, sizeBytes: json.length, at: new Date() };
  return saveCheckpoint(test.database, checkpoint);
}

Deno.test("checkpoints of one job are versions in the order in which they were asked for; the newest three are kept", async () => {
  const key = await assignedJob();
  const { "checkpoint.save": method } = checkpointRequests({ database: test.database, maxBytes: 100 });
  const job = { ...key, attempt: 1, agent: "echo", room: "room", participant: null, send: () => true };
  const { signal } = new AbortController();
  const saves = [1, 2, 3, 4, 5, 6].map((turn) => method?.handle(job, { data: { turn } }, signal));
  assert.deepEqual(await Promise.all(saves), [1, 2, 3, 4, 5, 6].map((version) => ({ version })));
  await assert.rejects(async () => await method?.handle(job, { data: "x".repeat(100) }, signal), /102 bytes/);
  const found = await findCheckpoint(test.database, key.dispatchId, null);
  assert.deepEqual([found?.version, found?.data, found?.jobId], [6, { turn: 6 }, key.jobId]);
  const kept = await rows<{ version: number }>(test.database, sql`select version from checkpoints order by version`);
  assert.deepEqual(kept.map(({ version }) => version), [4, 5, 6]);
});

Deno.test("saveCheckpoint keeps participants of one dispatch apart", async () => {
  const key = await assignedJob();
  await save(key, "ada's", "ada");
  assert.equal(await findCheckpoint(test.database, key.dispatchId, "bob"), null);
  assert.equal((await findCheckpoint(test.database, key.dispatchId, "ada"))?.data, "ada's");
});

Deno.test("saveCheckpoint writes nothing for a job that has another lease, or has ended", async () => {
  const key = await assignedJob();
  assert.equal(await save({ ...key, leaseToken: crypto.randomUUID() }, 1), null);
  assert.equal(await save({ ...key, dispatchId: crypto.randomUUID() }, 1), null);
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
  await endJob(test.database, key, { state: "succeeded", endReason: "entry_returned", failure: null }, change);
  assert.equal(await save(key, 1), null);
  assert.equal(await findCheckpoint(test.database, key.dispatchId, null), null);
});
