import assert from "node:assert/strict";
import { insertPlacedDispatch, type NewDispatch } from "../../../db/dispatches.ts";
import { rehearsePlacing } from "../../../db/rehearse_placing.ts";
import { startTestPostgres } from "../../support/postgres.ts";

Deno.test("rehearsePlacing leaves no row, and a plan on every connection that placings of all kinds use", async () => {
  const postgres = await startTestPostgres();
  const poolSize = 3;
  const test = await postgres.createTestDatabase({ poolSize });
  try {
    const { database } = test;
    await database.warm();
    await rehearsePlacing(database, crypto.randomUUID(), poolSize);
    const [left] = await database.sql`select (select count(*) from dispatches)::int + (select count(*) from jobs)::int
      + (select count(*) from transitions)::int as rows`;
    assert.equal(left?.rows, 0);
    const connections = await Promise.all(Array.from({ length: poolSize }, () => database.sql.reserve()));
    for (const connection of connections) {
      const at = new Date();
      const dispatch: NewDispatch = {
        id: crypto.randomUUID(),
        ...{ agent: "echo", server: "local", room: "room", priority: "urgent", placement: "direct", origin: "rest" },
        ...{ retryOf: null, livekitDispatchId: null, metadata: { a: 1 }, traceparent: "00-ab-cd-01", rankAt: at },
        ...{ waitingReason: null, participantIdentity: null, region: "west", deadlineAt: at },
      };
      const job = {
        ...{ id: crypto.randomUUID(), attempt: 1, participant: null, participantIdentity: "agent", workerId: null },
        ...{ instanceId: crypto.randomUUID(), livekitJobId: null, leaseToken: crypto.randomUUID() },
      };
      const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at };
      assert.ok(await insertPlacedDispatch({ ...database, sql: connection }, dispatch, job, change, null));
      const plans = await connection`select custom_plans::int as custom, generic_plans::int as kept
        from pg_prepared_statements where statement like 'with key as%'`;
      assert.deepEqual(plans.map(({ custom, kept }) => [custom, kept]), [[5, 2]]);
    }
    for (const connection of connections) connection.release();
  } finally {
    await test.drop();
    await postgres.stop();
  }
});
