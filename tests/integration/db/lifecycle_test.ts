import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import {
  endWaitingDispatch,
  insertPlacedDispatch,
  insertQueuedDispatch,
  type NewDispatch,
} from "../../../db/dispatches.ts";
import { findDispatch, listDispatches } from "../../../db/dispatch_reads.ts";
import { applyJobChanges } from "../../../db/job_changes.ts";
import { endJob, type JobKey, markJobEntered } from "../../../db/jobs.ts";
import { DISPATCH_TRANSITIONS, JOB_TRANSITIONS } from "../../../db/lifecycle.ts";
import { maintainPartitions } from "../../../db/partitions.ts";
import { DISPATCH_STATES, type DispatchState, JOB_STATES, type JobState } from "../../../db/schema/states.ts";
import { type Change, rows } from "../../../db/statement.ts";
import { decodeCursor, encodeCursor } from "../../../db/page.ts";
import type { Database } from "../../../db/client.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let postgres: TestPostgres;
let test: TestDatabase;
const INSTANCE = crypto.randomUUID();

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
});
Deno.test.afterEach(() => test.drop());

function change(at = new Date()): Change {
  return { changeId: crypto.randomUUID(), actor: "test", cause: "test", at };
}

function newDispatch(fields: Partial<NewDispatch> = {}): NewDispatch {
  return {
    id: crypto.randomUUID(),
    agent: "echo",
    server: "local",
    room: "room",
    priority: "normal",
    placement: "direct",
    origin: "rest",
    retryOf: null,
    livekitDispatchId: null,
    metadata: { customer: 42, note: "ünïcode \u{1F600}" },
    traceparent: null,
    rankAt: new Date(),
    waitingReason: null,
    participantIdentity: null,
    ...fields,
  };
}

function newJob() {
  const id = crypto.randomUUID();
  return {
    id,
    attempt: 1,
    participant: null,
    participantIdentity: `agent-${id}`,
    instanceId: INSTANCE,
    workerId: null,
    livekitJobId: null,
    leaseToken: crypto.randomUUID(),
  };
}

const FAILURE = {
  code: "exception",
  kind: "exception",
  fingerprint: "exception: boom",
  message: "boom",
  remedy: "fix it",
  stack: "at x",
  exitCode: null,
  signal: null,
};

async function placed(database: Database) {
  const dispatch = newDispatch();
  const job = newJob();
  assert.ok(await insertPlacedDispatch(database, dispatch, job, change(), null));
  return { dispatch, job, key: { jobId: job.id, dispatchId: dispatch.id, leaseToken: job.leaseToken } };
}

/** Puts a stored pair into any two states, past the guards: only for trying every guard from everywhere. */
async function force(database: Database, dispatchId: string, dispatchState: DispatchState, jobState: JobState) {
  const dispatchEnded = DISPATCH_TRANSITIONS[dispatchState].length === 0;
  const jobEnded = JOB_TRANSITIONS[jobState].length === 0;
  await rows(
    database,
    sql`update dispatches set state = ${dispatchState}, ended_at = ${
      dispatchEnded ? sql`now()` : sql`null`
    }, failure_code = 'x' where id = ${dispatchId}`,
  );
  await rows(
    database,
    sql`update jobs set state = ${jobState}, ended_at = ${
      jobEnded ? sql`now()` : sql`null`
    }, failure_kind = 'x' where dispatch_id = ${dispatchId}`,
  );
}

async function stamp(job: JobKey, kind: "connected" | "ready"): Promise<boolean | undefined> {
  return (await applyJobChanges(test.database, [{ ...change(), job, kind }]))[0];
}

Deno.test("a placed dispatch is stored with its job, metadata and history in one statement", async () => {
  const { database } = test;
  const { dispatch, job } = await placed(database);
  const found = await findDispatch(database, dispatch.id);
  assert.equal(found?.dispatch.state, "placed");
  assert.deepEqual(found?.dispatch.metadata, dispatch.metadata);
  assert.equal(found?.jobs[0]?.id, job.id);
  assert.equal(found?.jobs[0]?.state, "assigned");
  const history = await rows<{ subject: string; to_state: string }>(
    database,
    sql`select subject, to_state from transitions order by subject`,
  );
  assert.deepEqual(history.map((h) => `${h.subject}:${h.to_state}`), ["dispatch:placed", "job:assigned"]);
});

Deno.test("a job's stages and end move job and dispatch together, with one history row each", async () => {
  const { database } = test;
  const { dispatch, key } = await placed(database);
  assert.ok(await markJobEntered(database, key, 123, change()));
  assert.ok(await stamp(key, "connected"));
  assert.ok(await stamp(key, "ready"));
  assert.ok(await endJob(database, key, { state: "failed", endReason: "entry_threw", failure: FAILURE }, change()));
  const found = await findDispatch(database, dispatch.id);
  assert.equal(found?.dispatch.state, "failed");
  assert.equal(found?.dispatch.failureRemedy, "fix it");
  assert.equal(found?.jobs[0]?.pid, 123);
  assert.ok(found?.jobs[0]?.readyAt && found.dispatch.readyAt);
  const history = await rows<{ line: string }>(
    database,
    sql`select subject || ' ' || coalesce(from_state, '-') || ' ' || to_state as line from transitions order by at, subject, to_state`,
  );
  assert.deepEqual(history.map((h) => h.line).toSorted(), [
    "dispatch - placed",
    "dispatch placed running",
    "dispatch running failed",
    "job - assigned",
    "job assigned running",
    "job running failed",
  ]);
});

Deno.test("the SQL guards allow a job exactly the transitions of the table, from every state", async () => {
  const { database } = test;
  const { dispatch, key } = await placed(database);
  const attempts: [JobState, () => Promise<boolean>][] = [
    ["running", () => markJobEntered(database, key, null, change())],
    [
      "succeeded",
      () => endJob(database, key, { state: "succeeded", endReason: "entry_returned", failure: null }, change()),
    ],
    ["failed", () => endJob(database, key, { state: "failed", endReason: "entry_threw", failure: FAILURE }, change())],
    ["cancelled", () => endJob(database, key, { state: "cancelled", endReason: "cancelled", failure: null }, change())],
  ];
  for (const from of JOB_STATES) {
    for (const [to, attempt] of attempts) {
      await force(database, dispatch.id, "placed", from);
      assert.equal(await attempt(), JOB_TRANSITIONS[from].includes(to), `${from} → ${to}`);
      const [row] = await rows<{ state: string }>(database, sql`select state from jobs where id = ${key.jobId}`);
      assert.equal(row?.state, JOB_TRANSITIONS[from].includes(to) ? to : from);
    }
  }
});

Deno.test("the SQL guards allow a waiting dispatch to end, and nothing else to be ended that way, from every state", async () => {
  const { database } = test;
  const { dispatch } = await placed(database);
  for (const from of DISPATCH_STATES) {
    for (const to of ["cancelled", "failed", "expired"] as const) {
      await force(database, dispatch.id, from, "assigned");
      assert.equal(
        await endWaitingDispatch(database, dispatch.id, to, FAILURE, change()),
        from === "queued",
        `${from} → ${to}`,
      );
    }
  }
});

Deno.test("a write under another lease token changes nothing", async () => {
  const { database } = test;
  const { dispatch, key } = await placed(database);
  const zombie = { ...key, leaseToken: crypto.randomUUID() };
  assert.equal(await markJobEntered(database, zombie, 1, change()), false);
  assert.equal(await stamp(zombie, "ready"), false);
  assert.equal(
    await endJob(database, zombie, { state: "succeeded", endReason: "entry_returned", failure: null }, change()),
    false,
  );
  const found = await findDispatch(database, dispatch.id);
  assert.equal(found?.dispatch.state, "placed");
  assert.equal(found?.jobs[0]?.state, "assigned");
});

Deno.test("a direct placement is refused while a claimable dispatch of its agent ranks before it", async () => {
  const { database } = test;
  await insertQueuedDispatch(database, newDispatch({ rankAt: new Date(1000) }), 100, change(), null);
  assert.equal(await insertPlacedDispatch(database, newDispatch(), newJob(), change(), null), false);
  assert.ok(await insertPlacedDispatch(database, newDispatch({ agent: "other" }), newJob(), change(), null));
  assert.ok(await insertPlacedDispatch(database, newDispatch(), newJob(), change(), null, { mayOvertake: true }));
});

Deno.test("a queue that is full takes nothing more", async () => {
  const { database } = test;
  assert.ok(await insertQueuedDispatch(database, newDispatch(), 1, change(), null));
  assert.equal(await insertQueuedDispatch(database, newDispatch(), 1, change(), null), false);
});

Deno.test("an idempotency key stores one dispatch, until it has expired", async () => {
  const { database } = test;
  const key = (expiresAt: Date) => ({ key: "k", bodyHash: "h", expiresAt });
  const past = new Date(Date.now() - 1000);
  assert.ok(await insertPlacedDispatch(database, newDispatch(), newJob(), change(), key(past)));
  assert.ok(await insertQueuedDispatch(database, newDispatch(), 10, change(), key(new Date(Date.now() + 60_000))));
  assert.equal(await insertPlacedDispatch(database, newDispatch(), newJob(), change(), key(new Date())), false);
  assert.equal(await insertQueuedDispatch(database, newDispatch(), 10, change(), key(new Date())), false);
});

Deno.test("pages hold every row once, newest first, whatever the page size", async () => {
  const { database } = test;
  const at = new Date();
  for (let i = 0; i < 7; i++) {
    await insertQueuedDispatch(database, newDispatch(), 100, change(i < 4 ? at : new Date(at.getTime() + i)), null);
  }
  const seen: string[] = [];
  let cursor = null;
  for (;;) {
    const page = await listDispatches(database, { limit: 3, cursor }, {});
    seen.push(...page.map((p) => p.dispatch.id));
    const last = page.at(-1);
    if (page.length < 3 || !last) break;
    cursor = decodeCursor(encodeCursor(last.dispatch));
  }
  assert.equal(new Set(seen).size, 7);
  assert.equal(seen.length, 7);
});

Deno.test("partitions are made ahead, rows go into them, and old ones are dropped", async () => {
  const { database } = test;
  const longAgo = new Date(Date.now() - 40 * 86_400_000);
  await maintainPartitions(database, longAgo, 365);
  assert.deepEqual(await maintainPartitions(database, new Date(), 365), []);
  await placed(database);
  const [inDefault] = await rows<{ n: number }>(database, sql`select count(*)::int as n from only transitions_default`);
  assert.equal(inDefault?.n, 0);
  const dropped = await maintainPartitions(database, new Date(), 30);
  assert.equal(dropped.length, 12);
});
