import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import type { LifecycleWriter } from "../../../core/coordination/lifecycle_writer.ts";
import { type Database, openDatabase } from "../../../db/client.ts";
import type { JobChange, NextStep } from "../../../db/job_changes.ts";
import type { JobKey } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
import { eventually } from "../../support/eventually.ts";
import { withWriter, type WriterOptions } from "../../support/lifecycle_writer.ts";
import { placeJobs } from "../../support/placed_jobs.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { withProxiedDatabase } from "../../support/postgres_proxy.ts";

const FINAL: NextStep = { kind: "final" };

let postgres: TestPostgres;
let test: TestDatabase;
let folder: string;

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
  folder = await Deno.makeTempDir({ prefix: "greenroom-spool-" });
});
Deno.test.afterEach(async () => {
  await test.drop();
  await Deno.remove(folder, { recursive: true });
});

const spoolPath = () => `${folder}/spool`;

function withSpool(
  database: Database,
  work: (writer: LifecycleWriter) => Promise<void>,
  options: WriterOptions = {},
): Promise<void> {
  return withWriter(database, work, { path: spoolPath(), ...options });
}

const T0 = Date.parse("2026-11-22T12:00:00.000Z");

function common(job: JobKey, ms: number) {
  return { job, changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date(T0 + ms) };
}

function entered(job: JobKey): JobChange {
  return { ...common(job, 1), kind: "entered", pid: 42 };
}

function ended(job: JobKey, next: NextStep = FINAL): JobChange {
  const failure = next.kind === "final" ? null : FAILURE;
  const end = { state: failure ? "failed" : "succeeded", endReason: "test", failure, flags: ["never_ready"] } as const;
  return { ...common(job, 4), kind: "ended", end: { ...end, resources: null, humanSeenAt: null }, next };
}

/** A whole life, in order. */
function life(job: JobKey, next: NextStep = FINAL): JobChange[] {
  return [
    entered(job),
    { ...common(job, 2), kind: "connected" },
    { ...common(job, 3), kind: "ready" },
    ended(job, next),
  ];
}

const FAILURE = {
  ...{ code: "job_failed", kind: "exception", fingerprint: "f", message: "it broke", remedy: "mend it", stack: "at x" },
  ...{ exitCode: null, signal: null, class: "retryable", retryAfterMs: 100 },
};

interface Stored extends Record<string, unknown> {
  job: string;
  dispatch: string;
  stamps: string;
}

async function stored({ jobId }: JobKey): Promise<Stored> {
  const [found] = await rows<Stored>(
    test.database,
    sql`select j.state::text as job, d.state::text as dispatch,
      concat_ws(' ', j.entered_at is not null, j.connected_at is not null, j.ready_at is not null) as stamps
      from jobs j join dispatches d on d.id = j.dispatch_id where j.id = ${jobId}`,
  );
  assert.ok(found);
  return found;
}

async function history({ dispatchId }: JobKey, subject: "job" | "dispatch"): Promise<string[]> {
  const found = await rows<{ line: string }>(
    test.database,
    sql`select to_state as line from transitions where dispatch_id = ${dispatchId} and subject = ${subject}::transition_subject
      order by at > ${new Date(T0 + 10).toISOString()}::timestamptz desc, at`,
  );
  return found.map(({ line }) => line);
}

const WHOLE = { job: "succeeded", dispatch: "succeeded", stamps: "t t t" };

Deno.test("LifecycleWriter writes many jobs' changes together, each job's in order", async () => {
  const jobs = await placeJobs(test.database, 50);
  await withSpool(test.database, async (writer) => {
    const results = await Promise.all(jobs.flatMap((job) => life(job)).map((change) => writer.write(change)));
    assert.deepEqual([...new Set(results)], ["written"]);
  });
  for (const job of jobs) {
    assert.deepEqual(await stored(job), WHOLE);
    assert.deepEqual(await history(job, "job"), ["assigned", "running", "succeeded"]);
    assert.deepEqual(await history(job, "dispatch"), ["placed", "running", "succeeded"]);
  }
});

Deno.test("LifecycleWriter refuses a change under another lease, and writes its neighbours", async () => {
  const [mine, theirs] = await placeJobs(test.database, 2);
  assert.ok(mine && theirs);
  await withSpool(test.database, async (writer) => {
    const zombie = { ...theirs, leaseToken: crypto.randomUUID() };
    const results = await Promise.all([writer.write(entered(mine)), writer.write(entered(zombie))]);
    assert.deepEqual(results, ["written", "refused"]);
    assert.equal(writer.refused, 1);
  });
  assert.equal((await stored(mine)).job, "running");
  assert.equal((await stored(theirs)).job, "assigned");
  assert.deepEqual(await history(theirs, "job"), ["assigned"]);
});

Deno.test("LifecycleWriter puts a dispatch back into the queue when its job is to be tried again", async () => {
  const [job] = await placeJobs(test.database, 1);
  assert.ok(job);
  const notBefore = new Date(T0 + 5_000);
  await withSpool(test.database, async (writer) => {
    for (const change of life(job, { kind: "retry", notBefore })) assert.equal(await writer.write(change), "written");
  });
  assert.deepEqual(await stored(job), { job: "failed", dispatch: "queued", stamps: "t t t" });
  const [dispatch] = await rows(
    test.database,
    sql`select not_before = ${notBefore.toISOString()}::timestamptz as waits, ready_at is null as "isNotReady",
      failure_code as code, ended_at as "endedAt", waiting_reason as reason from dispatches`,
  );
  assert.deepEqual({ ...dispatch }, { waits: true, isNotReady: true, code: null, endedAt: null, reason: "retrying" });
  const [details] = await rows(
    test.database,
    sql`select failure_class as class, retry_after_ms as after, flags, failure_stack as stack
      from jobs join job_details on job_id = id`,
  );
  assert.deepEqual({ ...details }, { class: "retryable", after: 100, flags: ["never_ready"], stack: "at x" });
});

Deno.test("LifecycleWriter leaves a dispatch alone whose other jobs go on", async () => {
  const [job] = await placeJobs(test.database, 1);
  assert.ok(job);
  await withSpool(test.database, async (writer) => {
    for (const change of life(job, { kind: "none" })) assert.equal(await writer.write(change), "written");
  });
  assert.deepEqual(await stored(job), { job: "failed", dispatch: "running", stamps: "t t t" });
});

Deno.test("LifecycleWriter keeps changes on disk while the database is away, and writes them in order when it is back", async () => {
  const jobs = await placeJobs(test.database, 5);
  await withProxiedDatabase(test.connection, (database, proxy) =>
    withSpool(database, async (writer) => {
      proxy.refuse();
      for (const changes of [0, 1, 2, 3].map((n) => jobs.map((job) => life(job)[n]!))) {
        const results = await Promise.all(changes.map((change) => writer.write(change)));
        assert.deepEqual([...new Set(results)], ["spooled"]);
      }
      assert.equal(writer.spooled, 20);
      assert.equal((await stored(jobs[0]!)).job, "assigned");
      proxy.restore();
      await eventually(() => !writer.isAway);
      assert.equal(writer.spooled, 0);
      const [late] = await placeJobs(test.database, 1);
      assert.equal(await writer.write(entered(late!)), "written");
    }));
  for (const job of jobs) {
    assert.deepEqual(await stored(job), WHOLE);
    assert.deepEqual(await history(job, "job"), ["assigned", "running", "succeeded"]);
  }
  assert.equal((await Deno.stat(spoolPath())).size, 0);
});

Deno.test("LifecycleWriter replays at its start what the last one left on disk, without what a crash cut", async () => {
  const [job] = await placeJobs(test.database, 1);
  assert.ok(job);
  await withProxiedDatabase(test.connection, (database, proxy) =>
    withSpool(database, async (writer) => {
      proxy.refuse();
      for (const change of life(job)) assert.equal(await writer.write(change), "spooled");
    }));
  await Deno.writeTextFile(spoolPath(), '1234abcd {"version":1,"chan', { append: true });
  await withSpool(test.database, async (writer) => {
    assert.ok(writer.isAway);
    await eventually(() => !writer.isAway);
  });
  assert.deepEqual(await stored(job), WHOLE);
});

for (const [index, what] of ["entered", "connected", "ready", "ended"].entries()) {
  Deno.test(`LifecycleWriter knows that "${what}" was written when only the answer was lost`, async () => {
    const [job] = await placeJobs(test.database, 1);
    assert.ok(job);
    await withProxiedDatabase(test.connection, (database, proxy) =>
      withSpool(database, async (writer) => {
        const changes = life(job);
        for (const change of changes.slice(0, index)) await writer.write(change);
        const lost = proxy.loseAnswer("SELECT");
        const result = writer.write(changes[index]!);
        await lost;
        assert.equal(await result, "spooled");
        await eventually(() => !writer.isAway);
        for (const change of changes.slice(index + 1)) assert.equal(await writer.write(change), "written");
        assert.equal(writer.refused, 0);
      }));
    assert.deepEqual(await stored(job), WHOLE);
    assert.deepEqual(await history(job, "job"), ["assigned", "running", "succeeded"]);
  });
}

Deno.test("LifecycleWriter says that a change is lost when the spool is full", async () => {
  const [job] = await placeJobs(test.database, 1);
  assert.ok(job);
  await withProxiedDatabase(test.connection, (database, proxy) =>
    withSpool(database, async (writer) => {
      proxy.refuse();
      assert.equal(await writer.write(entered(job)), "lost");
      proxy.restore();
      await eventually(() => !writer.isAway);
    }, { maxBytes: 10 }));
});

Deno.test("LifecycleWriter writes a change's neighbours when the database can't store it", async () => {
  const [good, bad] = await placeJobs(test.database, 2);
  assert.ok(good && bad);
  await withSpool(test.database, async (writer) => {
    const unstorable = { ...entered(bad), cause: "a text with \u0000" };
    const results = await Promise.all([writer.write(unstorable), writer.write(entered(good))]);
    assert.deepEqual(results, ["lost", "written"]);
  });
});

Deno.test("LifecycleWriter keeps changes on disk while the database takes no writes, as after a fail-over", async () => {
  const [job] = await placeJobs(test.database, 1);
  assert.ok(job);
  const { sql: admin } = test.database;
  const name = test.connection.database;
  await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`);
  const limits = { poolSize: 1, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 };
  const database = openDatabase({ source: test.connection, ...limits, applicationName: "read-only" });
  try {
    await withSpool(database, async (writer) => {
      for (const change of life(job)) assert.equal(await writer.write(change), "spooled");
      await admin.unsafe(`alter database ${name} reset default_transaction_read_only`);
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'read-only'`;
      await eventually(() => !writer.isAway);
    });
  } finally {
    await database.close();
  }
  assert.deepEqual(await stored(job), WHOLE);
});
