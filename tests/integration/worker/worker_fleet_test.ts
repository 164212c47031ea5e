/** The workers of an instance: they follow the agents that there are, whose hooks run in real hosts. */
import assert from "node:assert/strict";
import { type AgentDescriptor, describeAgent } from "../../../core/agent/descriptor.ts";
import { defineAgent } from "../../../core/agent/define_agent.ts";
import { Admission } from "../../../core/capacity/admission.ts";
import { LoadMeter } from "../../../core/capacity/load_meter.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { AgentCatalog } from "../../../core/runtime/agent_catalog.ts";
import { askLoad } from "../../../core/services/agent_facts.ts";
import { WorkerFleet } from "../../../core/worker/worker_fleet.ts";
import type { AssignedOffer } from "../../../core/worker/agent_worker.ts";
import { insertInstance } from "../../../db/instances.ts";
import { listLiveWorkers } from "../../../db/worker_reads.ts";
import { makeAgentsFolder } from "../../support/agents_folder.ts";
import { agentEntry } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { type FakeConnection, type FakeLivekit, startFakeLivekit } from "../../support/fake_livekit_server.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";
import { SETTINGS, startRuntime } from "../../support/runtime_fixture.ts";
import { storm } from "../../support/storm.ts";

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

interface StartedFleet extends AsyncDisposable {
  fleet: WorkerFleet;
  admission: Admission;
  assigned: AssignedOffer[];
}

async function startFleet(
  { url }: FakeLivekit,
  catalog: AgentCatalog,
  loadRatioOf = (_agent: string) => 0.25,
): Promise<StartedFleet> {
  const instanceId = uuidv7();
  const instance = { id: instanceId, hostname: "test", pid: 1, version: "0", maxJobs: 20 };
  await insertInstance(test.database, { ...instance, region: null, zone: null });
  const admission = new Admission(20);
  const assigned: AssignedOffer[] = [];
  const fleet = new WorkerFleet({
    ...{ catalog, database: test.database, instanceId, admission, loadRatioOf },
    server: { name: "fake", url, publicUrl: url, credentials: () => ({ apiKey: "devkey", apiSecret: "x".repeat(32) }) },
    intake: { assigned: (job) => Promise.resolve(void assigned.push(job)), terminated: () => {} },
    timings: { handshakeTimeoutMs: 5_000, pingIntervalMs: 4_000, reconnectFirstMs: 50, reconnectMaxMs: 500 },
    isDebug: false,
    onTrouble: () => {},
    logger: silentLogger,
  });
  const controller = new AbortController();
  const running = fleet.run(controller.signal);
  return {
    ...{ fleet, admission, assigned },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await running;
    },
  };
}

/** A catalog whose agents a test changes. */
function changingCatalog() {
  const agents = new Map<string, ReturnType<typeof agentEntry>>();
  const listeners = new Set<() => void>();
  const tell = () => listeners.forEach((listener) => listener());
  return {
    catalog: {
      list: () => [...agents.values()],
      find: (name: string) => agents.get(name) ?? null,
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    } as unknown as AgentCatalog,
    set(name: string, state: "ready" | "broken" | "loading", fields: Partial<AgentDescriptor> = {}) {
      const descriptor = { ...describeAgent(defineAgent({ name, entry: () => {} })), ...fields };
      agents.set(name, agentEntry(name, { state, descriptor }));
      tell();
    },
    remove(name: string) {
      agents.delete(name);
      tell();
    },
  };
}

/** The open connection of an agent's worker that fits. */
async function connectionOf(fake: FakeLivekit, agentName: string, deployment = ""): Promise<FakeConnection> {
  return await eventually(
    () =>
      fake.connections.find(({ received, isOver }) =>
        !isOver && received.some((message) =>
          message.case === "register" && message.value.agentName === agentName &&
          message.value.deployment === deployment
        )
      ),
    { what: `a worker of ${agentName}` },
  );
}

Deno.test("WorkerFleet has a worker for each agent that is ready, whatever its job type, and follows the catalog", async () => {
  await using fake = startFakeLivekit();
  const { catalog, set, remove } = changingCatalog();
  set("one", "ready");
  set("faulty", "broken");
  await using started = await startFleet(fake, catalog);
  const names = () => started.fleet.list().map(({ agent, jobType }) => `${agent} ${jobType}`).sort();
  await eventually(() => names().join() === "one room");
  set("two", "ready", { jobType: "participant" });
  set("three", "ready", { jobType: "publisher" });
  set("faulty", "ready");
  await eventually(() => names().join() === "faulty room,one room,three publisher,two participant");
  for (const { agent } of started.fleet.list()) await connectionOf(fake, agent);
  remove("one");
  set("two", "broken");
  await eventually(() => names().join() === "faulty room,three publisher");
});

Deno.test("WorkerFleet registers anew when the registration changed, keeps the old one for its job, and no more", async () => {
  await using fake = startFakeLivekit();
  const { catalog, set } = changingCatalog();
  set("echo", "ready");
  await using started = await startFleet(fake, catalog);
  const old = await connectionOf(fake, "echo");
  await storm(old, { offers: 1, label: "held" });
  const job = await eventually(() => started.assigned[0]);
  set("echo", "loading");
  set("echo", "ready", { warmSlots: 7 });
  assert.equal(fake.connections.length, 1, "nothing that LiveKit is told has changed");
  set("echo", "ready", { deployment: "staging" });
  const fresh = await connectionOf(fake, "echo", "staging");
  assert.deepEqual(started.fleet.list().map(({ isRetired }) => isRetired).sort(), [false, true]);
  assert.equal((await storm(old, { offers: 1, label: "old" })).declined.length, 1);
  assert.equal((await storm(fresh, { offers: 1, label: "new" })).accepted.length, 1);
  assert.equal(await job.link.report("succeeded"), true);
  await eventually(() => started.fleet.list().length === 1);
  assert.equal(fresh.isOver, false);
});

Deno.test("WorkerFleet records its workers with their labels and loads, and drops those that stopped from the list", async () => {
  await using fake = startFakeLivekit();
  const { catalog, set, remove } = changingCatalog();
  set("echo", "ready", { namespace: "eu", deployment: "blue" });
  let load = 0.25;
  await using _started = await startFleet(fake, catalog, () => load);
  const row = () =>
    eventually(async () => (await listLiveWorkers(test.database)).find(({ state }) => state === "registered"));
  const { agent, namespace, deployment, jobType } = await row();
  assert.deepEqual([agent, namespace, deployment, jobType], ["echo", "eu", "blue", "room"]);
  set("echo", "ready", { namespace: "eu", deployment: "blue" });
  await eventually(async () => (await row()).loadRatio === 0.25);
  load = 0.5;
  await eventually(async () => (await row()).loadRatio === 0.5);
  remove("echo");
  await eventually(async () => (await listLiveWorkers(test.database)).length === 0);
});

Deno.test("an accept that loops declines its own offer in time and delays no other agent's; the next one is answered", async () => {
  await using runtime = await startRuntime();
  const agentsDir = await makeAgentsFolder(["choosy", "decided"]);
  const folders = { ...runtime.environment.folders, agentsDir };
  const environment = { ...runtime.environment, folders };
  const catalog = new AgentCatalog({ agentsDir, settings: SETTINGS, environment, logger: silentLogger });
  try {
    await catalog.load();
    assert.deepEqual(catalog.list().map(({ state, error }) => error ?? state), ["ready", "ready"]);
    await using fake = startFakeLivekit();
    await using started = await startFleet(fake, catalog);
    const choosy = await connectionOf(fake, "choosy");
    const decided = await connectionOf(fake, "decided");
    const answersTo = async (metadata: string) => {
      const { accepted } = await storm(choosy, { offers: 1, label: metadata, metadata, isAssigning: false });
      return accepted.length === 1;
    };
    assert.deepEqual([await answersTo("yes"), await answersTo("no"), await answersTo("throw")], [true, false, false]);
    const looping = answersTo("loop");
    const beside = await storm(decided, { offers: 10, label: "beside", isAssigning: false });
    assert.equal(beside.accepted.length, 10);
    assert.equal(await looping, false);
    await eventually(() => answersTo("yes again"), { what: "a new host that answers" });
    const choosyWorker = started.fleet.list().find(({ agent }) => agent === "choosy");
    assert.match(choosyWorker?.offers.lastDecline?.reason ?? "", /accept/);
  } finally {
    await catalog.stop();
    await Deno.remove(agentsDir, { recursive: true });
  }
});

Deno.test("an agent's own load is asked in its host and told to LiveKit in place of the instance's", async () => {
  await using runtime = await startRuntime();
  const agentsDir = await makeAgentsFolder(["choosy"]);
  const environment = { ...runtime.environment, folders: { ...runtime.environment.folders, agentsDir } };
  const catalog = new AgentCatalog({ agentsDir, settings: SETTINGS, environment, logger: silentLogger });
  try {
    await catalog.load();
    const admission = new Admission(20);
    const meter = new LoadMeter({
      ...{ calculator: "jobs", admission, agents: () => ["choosy"], logger: silentLogger },
      ask: (agent, question) => askLoad(catalog, agent, question),
    });
    const loadAfter = async (expected: number) => {
      await eventually(() => {
        meter.observe({ cpuRatio: 0.5, memoryRatio: 0.5 }, performance.now());
        return meter.loadRatioOf("choosy", performance.now()) === expected;
      });
    };
    await loadAfter(0.25);
    assert.ok(admission.admit("choosy").ok);
    await loadAfter(0.9);
  } finally {
    await catalog.stop();
    await Deno.remove(agentsDir, { recursive: true });
  }
});
