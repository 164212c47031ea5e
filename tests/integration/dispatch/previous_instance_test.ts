import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { recoverPreviousInstance } from "../../../core/coordination/previous_instance.ts";
import { createLogger, silentLogger } from "../../../core/lifecycle/logger.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertInstance, listInstances, setInstanceState } from "../../../db/instances.ts";
import { endJob, markJobEntered } from "../../../db/jobs.ts";
import { rows } from "../../../db/statement.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
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

async function startedInstance(): Promise<DispatchFixture> {
  const instance = dispatchFixture(test.database, { maxJobs: 2 });
  await insertInstance(test.database, {
    id: instance.instanceId,
    hostname: "h",
    pid: 1,
    version: "0",
    maxJobs: 2,
    region: null,
    zone: null,
  });
  return instance;
}

async function ask({ dispatcher }: DispatchFixture): Promise<string> {
  const result = await dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  assert.ok(result.ok);
  return result.dispatch.id;
}

async function stateOf(id: string) {
  const found = await findDispatch(test.database, id);
  return found &&
    { dispatch: found.dispatch.state, job: found.jobs[0]?.state ?? null, code: found.dispatch.failureCode };
}

async function instanceState(id: string): Promise<string | undefined> {
  return (await listInstances(test.database, 10)).find((row) => row.id === id)?.state;
}

function recover(previousInstanceId: string | null, lines: string[] = []): Promise<number> {
  const logger = createLogger({ level: "info", format: "json", write: (line) => void lines.push(line) });
  return recoverPreviousInstance({ database: test.database, previousInstanceId, logger });
}

Deno.test("recoverPreviousInstance ends the dead instance's jobs as lost, entered or not, and leaves others' alone", async () => {
  const [dead, alive] = [await startedInstance(), await startedInstance()];
  const others = await ask(alive);
  const [assigned, entered, waiting] = [await ask(dead), await ask(dead), await ask(dead)];
  const change = () => ({ changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() });
  assert.ok(await markJobEntered(test.database, dead.jobs.plans[1]!.key, 1, change()));
  const lines: string[] = [];
  assert.equal(await recover(dead.instanceId, lines), 2);
  const lost = { dispatch: "failed", job: "failed", code: "instance_lost" };
  assert.deepEqual(await stateOf(assigned), lost);
  assert.deepEqual(await stateOf(entered), lost);
  assert.deepEqual(await stateOf(waiting), { dispatch: "queued", job: null, code: null });
  assert.deepEqual(await stateOf(others), { dispatch: "placed", job: "assigned", code: null });
  assert.equal(await instanceState(dead.instanceId), "lost");
  assert.equal(await instanceState(alive.instanceId), "starting");
  assert.equal(lines.length, 1);
  const found = await findDispatch(test.database, assigned);
  assert.equal(found?.jobs[0]?.failureKind, "instance_lost");
  assert.equal(found?.dispatch.failureRemedy, "Retry the dispatch.");
});

Deno.test("recoverPreviousInstance refuses a late write of the dead instance", async () => {
  const dead = await startedInstance();
  const id = await ask(dead);
  await recover(dead.instanceId);
  const change = { changeId: crypto.randomUUID(), actor: "zombie", cause: "late", at: new Date() };
  const { key } = dead.jobs.plans[0]!;
  assert.equal(await endJob(test.database, key, { state: "succeeded", endReason: "x", failure: null }, change), false);
  assert.equal((await stateOf(id))?.dispatch, "failed");
});

Deno.test("recoverPreviousInstance does its work once, and is quiet when there is nothing to do", async () => {
  const dead = await startedInstance();
  await ask(dead);
  const lines: string[] = [];
  assert.deepEqual([await recover(dead.instanceId), await recover(dead.instanceId, lines)], [1, 0]);
  assert.deepEqual([await recover(null, lines), await recover(crypto.randomUUID(), lines)], [0, 0]);
  const stopped = await startedInstance();
  await setInstanceState(test.database, stopped.instanceId, "stopped");
  assert.equal(await recover(stopped.instanceId, lines), 0);
  assert.equal(await instanceState(stopped.instanceId), "stopped");
  assert.deepEqual(lines, []);
});

Deno.test("recoverPreviousInstance ends placements that LiveKit never assigned, unless they may still be watched", async () => {
  const dead = await startedInstance();
  dead.admission.stopAdmitting();
  const [old, young, direct] = [await ask(dead), await ask(dead), await ask(dead)];
  const age = (id: string, placement: string, seconds: number) =>
    rows(
      test.database,
      sql`update dispatches set placement = ${placement}::dispatch_placement, created_at = now() - make_interval(secs => ${seconds}::int)
        where id = ${id}`,
    );
  await age(old, "livekit", 20);
  await age(young, "livekit", 5);
  await age(direct, "direct", 20);
  await recoverPreviousInstance({
    database: test.database,
    previousInstanceId: dead.instanceId,
    logger: silentLogger,
  });
  const states = await Promise.all([old, young, direct].map(async (id) => (await stateOf(id))?.dispatch));
  assert.deepEqual(states, ["failed", "queued", "queued"]);
});
