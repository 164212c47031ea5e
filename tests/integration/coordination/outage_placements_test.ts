/** Jobs that LiveKit assigned while the database was away: stored when it is back, or another's. */
import assert from "node:assert/strict";
import { checkpointRequests } from "../../../core/runtime/checkpoint_requests.ts";
import { fromSpooled, toSpooled } from "../../../core/coordination/spooled_change.ts";
import type { LifecycleWriter } from "../../../core/coordination/lifecycle_writer.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import type { Database } from "../../../db/client.ts";
import { findCheckpoint } from "../../../db/checkpoints.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertQueuedDispatch } from "../../../db/dispatches.ts";
import type { JobChange } from "../../../db/job_changes.ts";
import { type JobPlacing, storeOutagePlacing } from "../../../db/outage_placements.ts";
import { eventually } from "../../support/eventually.ts";
import { brokenChains } from "../../support/job_chains.ts";
import { withWriter } from "../../support/lifecycle_writer.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";
import { type PostgresProxy, withProxiedDatabase } from "../../support/postgres_proxy.ts";

let postgres: TestPostgres;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres?.stop());

async function withDatabase(work: (database: Database) => Promise<void>): Promise<void> {
  const test = await postgres.createTestDatabase();
  try {
    await work(test.database);
  } finally {
    await test.drop();
  }
}

/** Runs `meanwhile` with the database away, and resolves when the spool is empty again. */
async function throughOutage(
  meanwhile: (writer: LifecycleWriter, database: Database) => Promise<void>,
): Promise<Database> {
  const test = await postgres.createTestDatabase();
  const work = async (database: Database, proxy: PostgresProxy) => {
    await withWriter(database, async (writer) => {
      proxy.refuse();
      await meanwhile(writer, database);
      proxy.restore();
      await eventually(() => !writer.isAway && writer.spooled === 0, { what: "an empty spool" });
    });
  };
  await withProxiedDatabase(test.connection, work);
  return test.database;
}

interface Wishes {
  livekitDispatchId?: string;
  participant?: string;
  metadata?: unknown;
  dispatchId?: string;
  isOurs?: boolean;
}

function placing(wishes: Wishes = {}): JobPlacing {
  const { livekitDispatchId = "AD_1", participant = null, metadata = null, dispatchId = uuidv7() } = wishes;
  const at = new Date();
  const job = { jobId: uuidv7(), dispatchId, leaseToken: crypto.randomUUID() };
  return {
    kind: "placed",
    job,
    ...{ changeId: crypto.randomUUID(), actor: "livekit", cause: "assigned", at, isOurs: wishes.isOurs ?? false },
    newJob: {
      ...{ id: job.jobId, leaseToken: job.leaseToken, attempt: 1, participant, instanceId: uuidv7(), workerId: null },
      ...{ participantIdentity: `agent-${job.jobId}`, livekitJobId: `AJ_${job.jobId}` },
    },
    dispatch: {
      ...{ id: dispatchId, agent: "echo", server: "test", room: "lobby", rankAt: at, metadata, livekitDispatchId },
      ...{ priority: "normal", placement: "livekit", origin: "livekit", retryOf: null, traceparent: null } as const,
      ...{ waitingReason: null, participantIdentity: null },
    },
  };
}

function entered({ job }: JobPlacing): JobChange {
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "entered", at: new Date() };
  return { ...change, job, kind: "entered", pid: 1 };
}

function ended({ job }: JobPlacing): JobChange {
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "ended", at: new Date() };
  const columns = { failure: null, flags: [], resources: null, humanSeenAt: null };
  return {
    ...{ ...change, job, kind: "ended" },
    end: { state: "succeeded", endReason: "entry_returned", ...columns },
    next: { kind: "final" },
  };
}

async function shape(database: Database, id: string) {
  const found = await findDispatch(database, id);
  return found && [found.dispatch.state, ...found.jobs.map(({ participant, state }) => `${participant} ${state}`)];
}

Deno.test("a job that was assigned without the database is stored before its changes when it is back", async () => {
  const job = placing({ metadata: { at: "the door", rankAt: 3 } });
  const database = await throughOutage(async (writer) => {
    for (const change of [job, entered(job), ended(job)]) assert.equal(await writer.write(change), "spooled");
  });
  assert.deepEqual(await shape(database, job.job.dispatchId), ["succeeded", "null succeeded"]);
  const found = await findDispatch(database, job.job.dispatchId);
  assert.deepEqual([found?.dispatch.metadata, found?.dispatch.origin], [{ at: "the door", rankAt: 3 }, "livekit"]);
  assert.deepEqual(await brokenChains(database, [job.job.dispatchId]), []);
  await database.close();
});

Deno.test("what a job saves while the database is away is its newest checkpoint when it is back", async () => {
  const job = placing();
  const key = { ...job.job, attempt: 1, agent: "echo", room: "lobby", participant: null, send: () => true };
  const { signal } = new AbortController();
  let answers: unknown[] = [];
  const database = await throughOutage(async (writer, database) => {
    await writer.write(job);
    const { "checkpoint.save": save } = checkpointRequests({ database, maxBytes: 1_000, writer });
    answers = await Promise.all([1, 2].map((turn) => save?.handle(key, { data: { turn, at: "noon" } }, signal)));
    await writer.write(entered(job));
    await writer.write(ended(job));
  });
  assert.deepEqual(answers, [{ version: 0 }, { version: 0 }]);
  const found = await findCheckpoint(database, job.job.dispatchId, null);
  assert.deepEqual([found?.version, found?.data], [2, { turn: 2, at: "noon" }]);
  assert.deepEqual(await shape(database, job.job.dispatchId), ["succeeded", "null succeeded"]);
  await database.close();
});

Deno.test("another participant's job goes to the dispatch that somebody stored meanwhile, and so do its changes", async () => {
  const [first, second] = [placing({ participant: "ann" }), placing({ participant: "bob" })];
  const database = await throughOutage(async (writer) => {
    for (const job of [first, second]) {
      await writer.write(job);
      await writer.write(entered(job));
    }
    await writer.write(ended(second));
  });
  assert.deepEqual(await shape(database, first.job.dispatchId), ["running", "ann running", "bob succeeded"]);
  assert.equal(await shape(database, second.job.dispatchId), null);
  assert.deepEqual(await brokenChains(database, [first.job.dispatchId]), []);
  await database.close();
});

Deno.test("of two jobs for one participant the second is refused, and whoever runs it is told", async () => {
  const [first, second] = [placing({ participant: "ann" }), placing({ participant: "ann" })];
  const refused: string[] = [];
  const database = await throughOutage(async (writer) => {
    writer.onPlacingRefused((jobId) => refused.push(jobId));
    for (const job of [first, second]) {
      await writer.write(job);
      await writer.write(entered(job));
    }
  });
  assert.deepEqual(refused, [second.job.jobId]);
  assert.deepEqual(await shape(database, first.job.dispatchId), ["running", "ann running"]);
  await database.close();
});

Deno.test("storeOutagePlacing takes a job that is stored already as it is", async () => {
  await withDatabase(async (database) => {
    const job = placing();
    assert.equal(await storeOutagePlacing(database, job), job.job.dispatchId);
    assert.equal(await storeOutagePlacing(database, job), job.job.dispatchId);
    assert.deepEqual(await shape(database, job.job.dispatchId), ["placed", "null assigned"]);
  });
});

Deno.test("storeOutagePlacing assigns our own dispatch once, and refuses it when it was cancelled meanwhile", async () => {
  await withDatabase(async (database) => {
    const { dispatch, ...change } = placing();
    const own = { ...dispatch, origin: "rest" as const, livekitDispatchId: null };
    await insertQueuedDispatch(database, own, 10, change, null);
    const [first, second] = [1, 2].map(() => placing({ dispatchId: own.id, isOurs: true }));
    assert.equal(await storeOutagePlacing(database, first!), own.id);
    assert.equal(await storeOutagePlacing(database, second!), null);
    assert.deepEqual(await shape(database, own.id), ["placed", "null assigned"]);
    assert.equal(await storeOutagePlacing(database, placing({ isOurs: true, livekitDispatchId: "AD_2" })), null);
  });
});

Deno.test("a placing comes out of the spool as it went in", () => {
  const job = placing({ metadata: { at: "2026-11-22T10:00:00Z" } });
  assert.deepEqual(fromSpooled(JSON.parse(JSON.stringify(toSpooled(job)))), job);
});
