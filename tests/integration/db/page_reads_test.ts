/** What pages and lists read: right, bounded, and ended when it takes too long. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { listFailureGroups, previewFailureGroup } from "../../../db/failure_groups.ts";
import { type JobFilter, SCAN_ROWS, SCAN_ROWS_FOR_ERRORS, searchDispatches } from "../../../db/job_search.ts";
import { describeDatabaseError } from "../../../db/database_error.ts";
import { insertJobHistory } from "../../support/job_history.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const HOUR_MS = 3_600_000;
const ALL: JobFilter = {
  ...{ states: [], agents: [], rooms: [], errors: [], priorities: [], origins: [], ids: [], words: [] },
  ...{ metadata: [], since: null },
};

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => void (postgres = await startTestPostgres()));
Deno.test.afterAll(() => postgres?.stop());
Deno.test.beforeEach(async () => void (test = await postgres.createTestDatabase()));
Deno.test.afterEach(() => test?.drop());

const search = (
  filter: Partial<JobFilter>,
  page = { limit: 50, cursor: null as null | { createdAt: Date; id: string } },
) => searchDispatches(test.database, page, { ...ALL, ...filter });

Deno.test("searchDispatches gives the newest first, with what the last job says", async () => {
  await insertJobHistory(test.database, 100);
  const { found, stoppedAt } = await search({});
  equal(found.length, 50);
  equal(stoppedAt, null);
  ok(found.every(({ createdAtMs }, index) => index === 0 || createdAtMs <= (found[index - 1]?.createdAtMs ?? 0)));
  const [newest] = found;
  equal(newest?.state, "failed");
  deepEqual(
    [newest?.jobs, newest?.endReason, newest?.failureMessage, newest?.readyAtMs! - newest?.createdAtMs!],
    [1, "entry_returned", "boom", 70],
  );
});

Deno.test("searchDispatches finds by each qualifier alone and by all together", async () => {
  await insertJobHistory(test.database, 200);
  await test.database.sql`update dispatches set metadata = '{"customer": 42}' where room = 'room-40'`;
  const [fortieth] = (await search({ rooms: ["room-40"] })).found;
  ok(fortieth);
  const whole = fortieth.id;
  const hit: Partial<JobFilter>[] = [
    { rooms: ["room-40"] },
    { rooms: ["room-40*"] },
    { ids: [whole] },
    { ids: [whole.slice(-8).toUpperCase()] },
    { ids: [whole.replace("-8000-", "-8001-")] }, // its job's
    { metadata: [{ name: "customer", value: "42" }] },
    { words: ["OOM-40"] },
    {
      states: ["failed"],
      errors: ["oo"],
      rooms: ["room-40"],
      agents: ["echo"],
      origins: ["rest"],
      priorities: ["normal"],
    },
    { errors: ["exception"], words: ["room-40"], since: new Date(Date.now() - 25 * HOUR_MS) },
  ];
  for (const filter of hit) {
    deepEqual((await search(filter)).found.map(({ id }) => id), [whole], JSON.stringify(filter));
  }
  const miss: Partial<JobFilter>[] = [
    { rooms: ["room-40"], states: ["cancelled"] },
    { agents: ["greeter"] },
    { words: ["room-40", "x"] },
    { since: new Date(Date.now() + HOUR_MS) },
  ];
  for (const filter of miss) deepEqual((await search(filter)).found, [], JSON.stringify(filter));
});

Deno.test("searchDispatches stops looking after its limit of rows, tells where, and goes on from there", async () => {
  await insertJobHistory(test.database, SCAN_ROWS + 100);
  const rare = { words: ["room-7"], agents: ["echo"], priorities: ["low" as const] };
  const first = await search(rare);
  deepEqual(first.found, []);
  ok(first.stoppedAt);
  const [{ left } = { left: 0 }] = await test.database.sql<
    { left: number }[]
  >`select count(*)::int as left from dispatches
    where (created_at, id) < (${first.stoppedAt.createdAt.toISOString()}::timestamptz, ${first.stoppedAt.id}::uuid)`;
  equal(left, 100);
  equal((await search(rare, { limit: 50, cursor: first.stoppedAt })).stoppedAt, null);
});

Deno.test("searchDispatches looks for an error among what has one, and tells where it stopped", async () => {
  await insertJobHistory(test.database, SCAN_ROWS_FOR_ERRORS + 20);
  await test.database.sql`update dispatches set failure_code = 'exception', failure_message = 'boom'
    where room not in ('room-1', 'room-2', 'room-3', 'room-4')`;
  const rare = { errors: ["nothing"] };
  const first = await search(rare);
  deepEqual(first.found, []);
  ok(first.stoppedAt);
  const [{ left } = { left: 0 }] = await test.database.sql<{ left: number }[]>`
    select count(*)::int as left from dispatches where failure_code is not null
      and (created_at, id) < (${first.stoppedAt.createdAt.toISOString()}::timestamptz, ${first.stoppedAt.id}::uuid)`;
  const [{ failed } = { failed: 0 }] = await test.database.sql<{ failed: number }[]>`
    select count(*)::int as failed from dispatches where failure_code is not null`;
  ok(failed < SCAN_ROWS_FOR_ERRORS + 20);
  equal(left, failed - SCAN_ROWS_FOR_ERRORS);
  await test.database.sql`update dispatches set failure_message = 'Ünlike' where id = (
    select id from dispatches where failure_code is not null order by created_at limit 1)`;
  const older = { limit: 50, cursor: first.stoppedAt };
  equal((await search({ errors: ["nLIKE"] }, older)).found.length, 1);
  equal((await search({ errors: ["100%", "exceptio"] }, older)).found.length, 0);
});

Deno.test("listFailureGroups counts each group, by the time it failed, the largest first", async () => {
  await insertJobHistory(test.database, 2_000, 2);
  await test.database.sql`update jobs set failure_fingerprint = null, failure_kind = 'exit'
    where failure_fingerprint = 'fp-8'`;
  const until = new Date();
  const groups = await listFailureGroups(test.database, new Date(until.getTime() - 24 * HOUR_MS), until);
  const [{ total } = { total: 0 }] = await test.database.sql<
    { total: number }[]
  >`select count(*)::int as total from jobs
    where state = 'failed'`;
  equal(groups.reduce((sum, { count }) => sum + count, 0), total);
  ok(groups.every(({ count }, index) => index === 0 || count <= (groups[index - 1]?.count ?? 0)));
  for (const { count, buckets, agents, message } of groups) {
    equal(buckets.reduce((sum, value) => sum + value, 0), count);
    // All of the last two of 24 hours.
    equal(buckets.slice(0, 21).reduce((sum, value) => sum + value, 0), 0);
    deepEqual([agents, message], [["echo"], "boom"]);
  }
  equal(groups.filter(({ fingerprint, kind }) => fingerprint === "exit" && kind === "exit").length, 1);
});

Deno.test("previewFailureGroup tells those to retry from those that were retried or recovered", async () => {
  const { database } = test;
  await insertJobHistory(database, 400);
  const since = new Date(Date.now() - 48 * HOUR_MS);
  const [group] = await listFailureGroups(database, since, new Date());
  ok(group && group.count >= 3);
  const read = () => previewFailureGroup(database, { fingerprint: group.fingerprint, since, limit: 200 });
  const before = await read();
  deepEqual([before.members.length, before.eligible, before.retried, before.recovered], [
    group.count,
    group.count,
    0,
    0,
  ]);
  const [first, second] = before.members;
  await database.sql`update dispatches set retry_of = ${first!.dispatchId} where state = 'succeeded' and id in
    (select id from dispatches where state = 'succeeded' limit 1)`;
  await database.sql`update dispatches set state = 'succeeded' where id = ${second!.dispatchId}`;
  const after = await read();
  deepEqual([after.eligible, after.retried, after.recovered], [group.count - 2, 1, 1]);
  ok(after.members.every(({ dispatchId }) => dispatchId !== first!.dispatchId && dispatchId !== second!.dispatchId));
});

Deno.test("A read that takes too long ends with a remedy, and the work's connections stay free meanwhile", async () => {
  const reads = { poolSize: 1, statementTimeoutMs: 100 };
  const { database, drop } = await postgres.createTestDatabase({ poolSize: 1, reads });
  try {
    const slow = database.reads.sql`select pg_sleep(20)`.execute();
    equal((await database.sql`select 1 as one`)[0]?.one, 1);
    await rejects(slow, (error) => {
      const { code, remedy } = describeDatabaseError(error);
      equal(code, "timeout");
      ok(remedy.includes("DATABASE_READ_TIMEOUT_MS"), remedy);
      return true;
    });
    equal((await database.reads.sql`select 1 as one`)[0]?.one, 1);
  } finally {
    await drop();
  }
});

Deno.test("Without connections of their own reads use the pool", () => {
  equal(test.database.reads, test.database);
});
