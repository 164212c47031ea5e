import assert from "node:assert/strict";
import { InstancePresence } from "../../../core/coordination/instance_presence.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres } from "../../support/postgres.ts";

Deno.test("InstancePresence begins anew when its session breaks between two heartbeats, as when Postgres restarts", async () => {
  const postgres = await startTestPostgres();
  const { database, drop } = await postgres.createTestDatabase();
  const instanceId = uuidv7();
  const presence = new InstancePresence({ database, instanceId, version: "0", maxJobs: 1, logger: silentLogger });
  const ending = new AbortController();
  await presence.start();
  const running = presence.run(ending.signal);
  try {
    const before = await eventually(() => presence.connectedForMs > 1_500 ? presence.connectedForMs : null);
    await database.sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`;
    await eventually(() => presence.connectedForMs < before, { what: "the break" });
    await eventually(() => presence.isDatabaseThere, { what: "the next heartbeat" });
    assert.ok(presence.connectedForMs < before);
    const [lock] = await database.sql`select count(*)::int as held from pg_locks where locktype = 'advisory'`;
    assert.equal(lock?.held, 1);
  } finally {
    ending.abort();
    await running;
    await drop();
    await postgres.stop();
  }
});
