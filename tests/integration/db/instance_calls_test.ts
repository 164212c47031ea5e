import { deepEqual, equal } from "node:assert/strict";
import { listCallsOfClosedInstances, listUsualCallMs } from "../../../db/instance_calls.ts";
import { insertInstance, setInstanceIntake, setInstanceState } from "../../../db/instances.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { insertJobHistory } from "../../support/job_history.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const NEW = { hostname: "test", pid: 1, version: "0", maxJobs: 4, region: null, zone: null };
const NOBODY = uuidv7();

let server: TestPostgres;
let test: TestDatabase;

Deno.test.beforeAll(async () => {
  server = await startTestPostgres();
  test = await server.createTestDatabase();
});
Deno.test.afterAll(async () => {
  await test.drop();
  await server.stop();
});

/** The newest ended job of the history runs again, on this instance. */
async function startJobOn(instanceId: string): Promise<string> {
  const [row] = await test.database.sql`
    update jobs set state = 'running', ended_at = null, end_reason = null, instance_id = ${instanceId}
    where id = (select id from jobs where state = 'succeeded' order by created_at desc limit 1) returning id`;
  return row?.id;
}

Deno.test("Calls are listed of instances that take none, with how long their agent's calls usually last", async () => {
  const { database } = test;
  await insertJobHistory(database, 40);
  const [open, cordoned, ended] = [uuidv7(), uuidv7(), uuidv7()] as const;
  for (const id of [open, cordoned, ended]) await insertInstance(database, { id, ...NEW });
  await startJobOn(open);
  const jobId = await startJobOn(cordoned);
  await startJobOn(ended);
  equal((await listUsualCallMs(database, NOBODY)).size, 0);

  await setInstanceIntake(database, cordoned, { cordonedAt: new Date(), drainDeadlineAt: null });
  await setInstanceState(database, ended, "draining");
  await setInstanceState(database, ended, "lost");
  const calls = await listCallsOfClosedInstances(database, NOBODY);
  deepEqual(calls.map((call) => [call.instanceId, call.jobId, call.agent]), [[cordoned, jobId, "echo"]]);
  equal((await listCallsOfClosedInstances(database, open)).length, 2);

  const usual = await listUsualCallMs(database, NOBODY);
  const [expected] = await database.sql`
    select percentile_cont(0.5) within group (order by extract(epoch from ended_at - entered_at) * 1000) as ms from jobs
    where state = 'succeeded'`;
  deepEqual([...usual], [["echo", Number(expected?.ms)]]);
});

Deno.test("An instance that has ended is not cordoned any more, nor drained", async () => {
  const id = uuidv7();
  await insertInstance(test.database, { id, ...NEW });
  await setInstanceState(test.database, id, "stopped");
  await setInstanceIntake(test.database, id, { cordonedAt: new Date(), drainDeadlineAt: new Date() });
  const [row] = await test.database.sql`select cordoned_at, drain_deadline_at from instances where id = ${id}`;
  deepEqual({ ...row }, { cordoned_at: null, drain_deadline_at: null });
});
