import assert from "node:assert/strict";
import { closePreviousInstance } from "../../../core/coordination/previous_instance.ts";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertInstance, listInstances, setInstanceState } from "../../../db/instances.ts";
import { claimOrphans } from "../../../db/orphans.ts";
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

const PLACED = { dispatch: "placed", job: "assigned", code: null };

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

function close(previousInstanceId: string | null, lines: string[] = []): Promise<number> {
  const logger = createLogger({ level: "info", format: "json", write: (line) => void lines.push(line) });
  return closePreviousInstance({ database: test.database, previousInstanceId, logger });
}

Deno.test("closePreviousInstance closes the dead instance, whose jobs are orphans from then on, and leaves others' alone", async () => {
  const [dead, alive] = [await startedInstance(), await startedInstance()];
  const others = await ask(alive);
  const lost = await ask(dead);
  const lines: string[] = [];
  assert.equal(await close(dead.instanceId, lines), 1);
  assert.deepEqual([await instanceState(dead.instanceId), await instanceState(alive.instanceId)], ["lost", "starting"]);
  assert.equal(lines.length, 1);
  const orphans = await claimOrphans(test.database, { rescuerId: alive.instanceId, forMs: 1_000, limit: 10 });
  assert.deepEqual(orphans.map(({ dispatchId }) => dispatchId), [lost]);
  assert.deepEqual([await stateOf(lost), await stateOf(others)], [PLACED, PLACED]);
});

Deno.test("closePreviousInstance does its work once, and is quiet when there is nothing to do", async () => {
  const dead = await startedInstance();
  const lines: string[] = [];
  await close(dead.instanceId);
  assert.deepEqual([await close(dead.instanceId, lines), await close(null, lines)], [0, 0]);
  assert.equal(await close(crypto.randomUUID(), lines), 0);
  const stopped = await startedInstance();
  await setInstanceState(test.database, stopped.instanceId, "stopped");
  assert.equal(await close(stopped.instanceId, lines), 0);
  assert.equal(await instanceState(stopped.instanceId), "stopped");
  assert.deepEqual(lines, []);
});
