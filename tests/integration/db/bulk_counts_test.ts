/** The counts that stand with a bulk operation are those of its items, whatever happens at once, and since before they stood there. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { type BulkItemState, recordBulkItem } from "../../../db/bulk_items.ts";
import {
  abortBulkOperation,
  type BulkCounts,
  findBulkOperation,
  insertBulkCreate,
  insertBulkOperation,
  listBulkOperations,
} from "../../../db/bulk_operations.ts";
import type { Database } from "../../../db/client.ts";
import { migrateDatabase, MIGRATIONS_FOLDER } from "../../../db/migrate.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const OPERATION = { kind: "create", request: {}, actor: "test", itemsPerSecond: 1, expected: null } as const;

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => void (postgres = await startTestPostgres({ migrate: false })));
Deno.test.afterAll(() => postgres?.stop());
Deno.test.beforeEach(async () => void (test = await postgres.createTestDatabase({ poolSize: 8 })));
Deno.test.afterEach(() => test?.drop());

/** Read from the items. */
async function counted(database: Database, id: string): Promise<BulkCounts> {
  const counts = { waiting: 0, done: 0, failed: 0, skipped: 0 };
  const found = await database.sql<{ state: BulkItemState; count: number }[]>`
    select state, count(*)::int as count from bulk_items where operation_id = ${id} group by 1`;
  for (const { state, count } of found) counts[state] = count;
  return counts;
}

async function begun(database: Database, items: number): Promise<string> {
  const id = uuidv7();
  ok(await insertBulkCreate(database, { ...OPERATION, id }, Array.from({ length: items }, () => ({})), 1_000));
  return id;
}

const note = (database: Database, id: string, position: number, state: "done" | "failed" | "skipped") =>
  recordBulkItem(database, id, position, { state, resultDispatchId: null, code: null, reason: null });

Deno.test("A bulk operation's counts are those of its items, at each result and after an abort", async () => {
  const { database } = test;
  await migrateDatabase(database, silentLogger);
  const id = await begun(database, 5);
  const check = async (expected: Partial<BulkCounts>) => {
    const { counts } = await findBulkOperation(database, id) ?? {};
    deepEqual(counts, { waiting: 0, done: 0, failed: 0, skipped: 0, ...expected });
    deepEqual(counts, await counted(database, id));
  };
  await check({ waiting: 5 });
  equal(await note(database, id, 0, "done"), true);
  equal(await note(database, id, 0, "failed"), false); // noted before
  equal(await note(database, id, 9, "done"), false); // no such item
  equal(await note(database, id, 1, "failed"), true);
  await check({ waiting: 3, done: 1, failed: 1 });
  equal(await abortBulkOperation(database, id), true);
  equal(await abortBulkOperation(database, id), false);
  await check({ done: 1, failed: 1, skipped: 3 });
  // Two were under way when it was aborted: they happened, or were not to be done anyway.
  equal(await note(database, id, 2, "done"), true);
  equal(await note(database, id, 3, "skipped"), true);
  await check({ done: 2, failed: 1, skipped: 2 });
});

Deno.test("A bulk operation's counts do not drift when results and an abort meet, and nobody waits for ever", async () => {
  const { database } = test;
  await migrateDatabase(database, silentLogger);
  for (let round = 0; round < 20; round++) {
    const id = await begun(database, 20);
    const noted = Array.from({ length: 20 }, (_, position) => note(database, id, position, "done"));
    // Each item is noted by two at once, as by an instance that was taken for dead.
    const again = Array.from({ length: 20 }, (_, position) => note(database, id, position, "failed"));
    noted.splice(round, 0, abortBulkOperation(database, id));
    await Promise.all([...noted, ...again]);
    const { counts } = await findBulkOperation(database, id) ?? {};
    deepEqual(counts, await counted(database, id));
  }
});

Deno.test("A stored cancel counts what it leaves out as skipped", async () => {
  const { database } = test;
  await migrateDatabase(database, silentLogger);
  const id = uuidv7();
  const membership = { kind: "cancel", ids: [uuidv7(), uuidv7()], isExplicit: true, withSucceeded: false } as const;
  ok(!await insertBulkOperation(database, { ...OPERATION, kind: "cancel", id }, membership, 10));
  await database
    .sql`insert into dispatches (id, agent, server, room, state, placement, origin, rank_at, created_at, change_id)
    values (${membership.ids[0]}, 'echo', 'local', 'r', 'queued', 'direct', 'rest', now(), now(), gen_random_uuid())`;
  ok(await insertBulkOperation(database, { ...OPERATION, kind: "cancel", id }, membership, 10));
  deepEqual((await findBulkOperation(database, id))?.counts, { waiting: 1, done: 0, failed: 0, skipped: 1 });
});

Deno.test("The migration counts the items of operations that were there before the counts", async () => {
  const { database } = test;
  await migrateUpTo(database, "0004");
  const [some, none] = [uuidv7(), uuidv7()];
  await database.sql`insert into bulk_operations (id, kind, state, request, actor, total, items_per_second, created_at)
    select id, 'cancel', 'running', '{"by":"ids","label":null}', 'test', 4, 1, now() from unnest(${[
    some,
    none,
  ]}::uuid[]) id`;
  await database.sql`insert into bulk_items (operation_id, position, state)
    values (${some}, 0, 'done'), (${some}, 1, 'done'), (${some}, 2, 'skipped'), (${some}, 3, 'waiting')`;
  equal((await migrateDatabase(database, silentLogger)).ran > 0, true);
  const found = await listBulkOperations(database, { limit: 5, cursor: null });
  deepEqual(Object.fromEntries(found.map(({ id, counts }) => [id, counts])), {
    [some]: { waiting: 1, done: 2, failed: 0, skipped: 1 },
    [none]: { waiting: 4, done: 0, failed: 0, skipped: 0 },
  });
});

/** The program's own migrations, no further than the one that begins with `last`. */
async function migrateUpTo(database: Database, last: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gr-migrations-" });
  try {
    const journal = JSON.parse(await Deno.readTextFile(join(MIGRATIONS_FOLDER, "meta", "_journal.json")));
    journal.entries = journal.entries.filter(({ tag }: { tag: string }) => tag.slice(0, 4) <= last);
    await Deno.mkdir(join(folder, "meta"));
    await Deno.writeTextFile(join(folder, "meta", "_journal.json"), JSON.stringify(journal));
    for (const { tag } of journal.entries) {
      await Deno.copyFile(join(MIGRATIONS_FOLDER, `${tag}.sql`), join(folder, `${tag}.sql`));
    }
    await migrateDatabase(database, silentLogger, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
