import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { FleetDirectory, STALE_MS } from "../../../core/coordination/fleet_directory.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import type { HostedAgent } from "../../../db/instance_agents.ts";
import { insertQueuedDispatch } from "../../../db/dispatches.ts";
import { insertInstance, setInstanceIntake, setInstanceState } from "../../../db/instances.ts";
import { rows } from "../../../db/statement.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const HOUR_MS = 3_600_000;

const test = databaseForEachTest();

function hosted(agent: string, fields: Partial<HostedAgent> = {}): HostedAgent {
  return {
    ...{ agent, state: "ready", error: null, version: "1", jobType: "room", namespace: "", deployment: "" },
    ...{ maxJobs: null, used: 0, free: 5, warm: 1, isAdmitting: true, worker: null },
    ...fields,
  };
}

interface Member {
  id: string;
  directory: FleetDirectory;
  /** What it hosts; changing it changes the instance. */
  agents: HostedAgent[];
  told: string[];
  clock: { nowMs: number };
}

async function join(agents: HostedAgent[], region: string | null = null): Promise<Member> {
  const { database } = test;
  const id = uuidv7();
  await insertInstance(database, { id, hostname: "test", pid: 1, version: "0", maxJobs: 9, region, zone: null });
  await setInstanceState(database, id, "running");
  const told: string[] = [];
  const clock = { nowMs: 0 };
  const directory = new FleetDirectory({
    ...{ database, instanceId: id, hosted: () => agents, logger: silentLogger, nowMs: () => clock.nowMs },
    notices: { on: () => () => {}, tell: (topic) => void told.push(topic) },
  });
  await directory.refresh();
  return { id, directory, agents, told, clock };
}

async function queue(agent: string, waitingReason: string | null): Promise<() => Promise<unknown>> {
  const id = crypto.randomUUID();
  const dispatch = {
    ...{ id, agent, server: "local", room: "room", priority: "normal", placement: "direct", origin: "rest" } as const,
    ...{ retryOf: null, livekitDispatchId: null, metadata: null, traceparent: null, participantIdentity: null },
    ...{ rankAt: new Date(), waitingReason },
  };
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
  assert.ok(await insertQueuedDispatch(test.database, dispatch, 10, change, null));
  return async () =>
    (await rows(test.database, sql`select waiting_reason as reason from dispatches where id = ${id}::uuid`))[0]?.reason;
}

Deno.test("FleetDirectory shows each instance what the others host, in several versions side by side", async () => {
  const a = await join([hosted("echo", { version: "old" }), hosted("a", { used: 3, free: 2, maxJobs: 5 })]);
  const b = await join([hosted("echo", { version: "new", state: "broken", error: "boom" })], "west");
  await a.directory.refresh();
  const [seen] = a.directory.others();
  assert.deepEqual([seen?.instanceId, seen?.region, seen?.maxJobs], [b.id, "west", 9]);
  assert.deepEqual(seen?.agents.map(({ version, state, error }) => [version, state, error]), [[
    "new",
    "broken",
    "boom",
  ]]);
  const [echo, own] = [b.directory.elsewhere("echo"), b.directory.elsewhere("a")];
  assert.deepEqual([echo[0]?.version, own[0]?.used, own[0]?.free, own[0]?.maxJobs], ["old", 3, 2, 5]);
  assert.deepEqual([a.directory.hasRegions(), b.directory.hasRegions()], [true, false]);
  assert.deepEqual(["echo", "a", "b"].map((agent) => b.directory.isServing(agent)), [true, true, false]);
  assert.deepEqual([a.directory.isServing("echo"), a.directory.isHosting("echo")], [false, true]);
});

Deno.test("FleetDirectory counts an instance that is cordoned, ending, elsewhere or silent for nothing, and forgets one that has ended", async () => {
  const { database } = test;
  const a = await join([]);
  const b = await join([hosted("echo")], "west");
  const isServing = async (region?: string) => {
    await a.directory.refresh();
    return a.directory.isServing("echo", region);
  };
  assert.deepEqual([await isServing(), await isServing("west"), await isServing("east")], [true, true, false]);
  await setInstanceIntake(database, b.id, { cordonedAt: new Date(), drainDeadlineAt: null });
  assert.equal(await isServing(), false);
  await setInstanceIntake(database, b.id, { cordonedAt: null, drainDeadlineAt: null });
  assert.equal(await isServing(), true);
  a.clock.nowMs += STALE_MS + 1_000; // nothing was read meanwhile, as while the database is away
  assert.deepEqual([a.directory.isServing("echo"), a.directory.isHosting("echo")], [false, false]);
  const [stale] = a.directory.elsewhere("echo");
  assert.ok(stale?.isStale && stale.ageMs > STALE_MS, "it is still shown, with its age");
  assert.equal(await isServing(), true);
  b.agents[0] = hosted("echo", { isAdmitting: false });
  await b.directory.refresh();
  assert.deepEqual([await isServing(), a.directory.isHosting("echo")], [false, true]);
  await setInstanceState(database, b.id, "lost");
  a.clock.nowMs += HOUR_MS;
  await a.directory.refresh();
  assert.deepEqual(a.directory.others(), []);
  assert.deepEqual([...await rows(database, sql`select agent from instance_agents`)], []);
});

Deno.test("FleetDirectory tells the others when what it hosts changes, not for every job; what it hosts no more is gone", async () => {
  const a = await join([hosted("echo"), hosted("other")]);
  const b = await join([]);
  assert.deepEqual(a.told, ["fleet"]);
  a.agents[0] = hosted("echo", { used: 4, free: 1 });
  await a.directory.refresh();
  assert.deepEqual(a.told, ["fleet"]);
  await b.directory.refresh();
  assert.equal(b.directory.elsewhere("echo")[0]?.used, 4);
  a.agents.pop();
  await a.directory.refresh();
  await b.directory.refresh();
  assert.deepEqual([a.told.length, b.directory.isHosting("other")], [2, false]);
});

Deno.test("FleetDirectory passes on what an instance tells of its workers, and tells nobody at once because of it", async () => {
  const worker = {
    ...{ id: uuidv7(), refusal: "breaker_open", offers: { accepted: 3, declined: 2, lapsed: 1 } },
    declines: [{ reason: 'the agent\'s accept: \u00ab"no"\u00bb', count: 2 }],
    connection: {
      state: "registered",
      since: "2026-01-01T00:00:00.000Z",
      attempts: 0,
      lastClose: null,
      lastError: null,
    },
  };
  const a = await join([hosted("echo"), hosted("bad", { state: "broken", error: "boom" })]);
  const b = await join([]);
  a.agents[0] = hosted("echo", { worker });
  await a.directory.refresh();
  await b.directory.refresh();
  const told = (agent: string) => b.directory.elsewhere(agent).map(({ error, worker }) => ({ error, worker }));
  assert.deepEqual([told("echo"), told("bad")], [[{ error: null, worker }], [{ error: "boom", worker: null }]]);
  assert.deepEqual(a.told, ["fleet"]);
});

Deno.test("what waits says that nobody hosts its agent, as long as nobody does; other reasons are left alone", async () => {
  const [unknown, hostedOne] = [await queue("nobody", null), await queue("echo", "agent_not_hosted")];
  const [broken, fine] = [await queue("nobody", "agent_broken"), await queue("echo", null)];
  const a = await join([hosted("echo")]);
  const reasons = () => Promise.all([unknown, hostedOne, broken, fine].map((each) => each()));
  assert.deepEqual(await reasons(), ["agent_not_hosted", null, "agent_broken", null]);
  a.agents[0] = hosted("nobody");
  await a.directory.refresh();
  assert.deepEqual(await reasons(), [null, "agent_not_hosted", "agent_broken", "agent_not_hosted"]);
});
