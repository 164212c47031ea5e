import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import { JobRecorder } from "../../../core/runtime/job_recorder.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { endJob, findJobChangeId, type JobKey } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
import { dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { type PostgresProxy, withProxiedDatabase } from "../../support/postgres_proxy.ts";

const SUCCEEDED: JobEnd = { outcome: "succeeded", endReason: "entry_returned" };
const TRIES_MS = 60_000;

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

interface Scene {
  recorder: JobRecorder;
  proxy: PostgresProxy;
  key: JobKey;
  /** Messages of the recorder's log. */
  logged: string[];
}

/** An assigned job, and a recorder whose database is reached through a proxy that can be told to misbehave. */
async function withRecorder(work: (scene: Scene) => Promise<void>, giveUpMs = TRIES_MS): Promise<void> {
  const instance = dispatchFixture(test.database);
  const result = await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  const key = instance.jobs.plans[0]?.key;
  assert.ok(result.ok && key);
  const logged: string[] = [];
  const logger = createLogger({
    level: "debug",
    format: "json",
    write: (line) => void logged.push(JSON.parse(line).message),
  });
  await withProxiedDatabase(test.connection, async (database, proxy) => {
    const recorder = new JobRecorder(key, { database, actor: "instance:test", logger, giveUpMs });
    await work({ recorder, proxy, key, logged });
  });
}

async function stored({ dispatchId }: JobKey) {
  const found = await findDispatch(test.database, dispatchId);
  assert.ok(found?.jobs[0]);
  return { dispatch: found.dispatch, job: found.jobs[0] };
}

/** "from → to" of the job's history, in the order in which it was written. */
async function history({ jobId }: JobKey): Promise<string[]> {
  const found = await rows<{ line: string }>(
    test.database,
    sql`select coalesce(from_state, '-') || ' → ' || to_state as line from transitions where job_id = ${jobId} order by at`,
  );
  return found.map(({ line }) => line);
}

const WHOLE_HISTORY = ["- → assigned", "assigned → running", "running → succeeded"];

Deno.test("JobRecorder writes stages and end in order, each with its own time", () =>
  withRecorder(async ({ recorder, key, logged }) => {
    const at = (ms: number) => new Date(Date.now() + ms);
    const [entered, connected, ready, ended] = [at(1), at(2), at(3), at(4)];
    recorder.entered(42, entered);
    recorder.stage("connected", connected);
    recorder.stage("ready", ready);
    assert.equal(await recorder.ended(SUCCEEDED, ended), true);
    const { job, dispatch } = await stored(key);
    assert.deepEqual([job.state, dispatch.state, job.pid], ["succeeded", "succeeded", 42]);
    for (const row of [job, dispatch]) {
      assert.deepEqual([row.enteredAt, row.connectedAt, row.readyAt, row.endedAt], [entered, connected, ready, ended]);
    }
    assert.deepEqual(await history(key), WHOLE_HISTORY);
    assert.deepEqual(logged, []);
  }));

Deno.test("JobRecorder tries again while the database is away, and keeps the order", () =>
  withRecorder(async ({ recorder, proxy, key, logged }) => {
    proxy.refuse();
    recorder.entered(42, new Date());
    recorder.stage("connected", new Date());
    recorder.stage("ready", new Date());
    const ended = recorder.ended(SUCCEEDED, new Date(Date.now() + 1));
    await eventually(() => logged.length >= 2);
    assert.equal((await stored(key)).job.state, "assigned");
    proxy.restore();
    assert.equal(await ended, true);
    const { job } = await stored(key);
    assert.ok(job.state === "succeeded" && job.enteredAt && job.connectedAt && job.readyAt);
    assert.deepEqual(await history(key), WHOLE_HISTORY);
    assert.deepEqual([...new Set(logged)], ["could not record a job's change; trying again"]);
  }));

/** The writes of a job's life, in order. */
const WRITES = ["entered", "connected", "ready", "ended"] as const;

function write(recorder: JobRecorder, what: typeof WRITES[number], at: Date): Promise<boolean> | void {
  if (what === "entered") return recorder.entered(42, at);
  if (what === "ended") return recorder.ended(SUCCEEDED, at);
  return recorder.stage(what, at);
}

for (const [index, lost] of WRITES.entries()) {
  Deno.test(`JobRecorder knows that "${lost}" was written when only the answer was lost`, () =>
    withRecorder(async ({ recorder, proxy, key, logged }) => {
      const at = WRITES.map((_, i) => new Date(Date.now() + i));
      for (const [i, what] of WRITES.slice(0, index).entries()) write(recorder, what, at[i]!);
      if (index > 0) await eventually(async () => (await stored(key)).job[`${WRITES[index - 1]!}At`]);
      const hasLost = proxy.loseAnswer("SELECT");
      let ended: Promise<boolean> | void = undefined;
      for (const [i, what] of [...WRITES.entries()].slice(index)) ended = write(recorder, what, at[i]!);
      await hasLost;
      assert.equal(await ended, true);
      const { job } = await stored(key);
      assert.deepEqual(WRITES.map((what) => job[`${what}At`]), at);
      assert.deepEqual(await history(key), WHOLE_HISTORY);
      assert.deepEqual(logged, ["could not record a job's change; trying again"]);
    }));
}

Deno.test("JobRecorder does not take another's change for its own, when its own try failed", () =>
  withRecorder(async ({ recorder, proxy, key, logged }) => {
    proxy.refuse();
    const ended = recorder.ended(SUCCEEDED, new Date());
    await eventually(() => logged.length > 0);
    const change = { changeId: crypto.randomUUID(), actor: "other", cause: "other", at: new Date() };
    assert.ok(await endJob(test.database, key, { state: "cancelled", endReason: "x", failure: null }, change));
    proxy.restore();
    assert.equal(await ended, false);
    assert.equal((await stored(key)).job.state, "cancelled");
    assert.equal(logged.at(-1), "write refused: the job has moved on");
  }));

Deno.test("JobRecorder writes nothing under a lease that is not its own any more", () =>
  withRecorder(async ({ recorder, key, logged }) => {
    await rows(test.database, sql`update jobs set lease_token = gen_random_uuid() where id = ${key.jobId}`);
    recorder.entered(42, new Date());
    recorder.stage("ready", new Date());
    assert.equal(await recorder.ended(SUCCEEDED, new Date()), false);
    assert.equal((await stored(key)).job.state, "assigned");
    assert.equal(await findJobChangeId(test.database, key), null);
    assert.equal(logged.length, 3);
  }));

Deno.test("JobRecorder gives up after its time, says so, and never rejects", () =>
  withRecorder(async ({ recorder, proxy, logged }) => {
    proxy.refuse();
    assert.equal(await recorder.ended(SUCCEEDED, new Date()), false);
    assert.deepEqual(logged, ["could not record a job's change; giving up"]);
  }, 0));
