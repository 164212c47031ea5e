/** Dispatches that LiveKit places: what it is asked for, and what is said when it gives the job to nobody. */
import assert from "node:assert/strict";
import { describeAgent } from "../../../core/agent/descriptor.ts";
import { type AgentOptions, defineAgent } from "../../../core/agent/define_agent.ts";
import { LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { LivekitPlacement } from "../../../core/dispatch/livekit_placement.ts";
import { newDispatchView } from "../../../core/dispatch/new_views.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import type { ServerApi } from "../../../core/livekit/server_api.ts";
import type { AgentCatalog, AgentEntry } from "../../../core/runtime/agent_catalog.ts";
import { workerDirectory } from "../../../core/services/worker_directory.ts";
import type { RegisteredWorker } from "../../../core/worker/worker_match.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertQueuedDispatch, type NewDispatch } from "../../../db/dispatches.ts";
import { insertInstance } from "../../../db/instances.ts";
import { upsertWorker } from "../../../db/workers.ts";
import { agentEntry } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
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

const WORKER: RegisteredWorker = {
  ...{ agent: "echo", agentName: "echo", namespace: "", deployment: "", jobType: "room" },
  ...{ isTaking: true, refusal: null },
};

function entryOf(options: Partial<AgentOptions> & { name: string }): AgentEntry {
  return agentEntry(options.name, { descriptor: describeAgent(defineAgent({ entry: () => {}, ...options })) });
}

function fixture(agents: AgentEntry[], own: RegisteredWorker[]) {
  const { database } = test;
  const calls: Record<string, unknown>[] = [];
  const api = {
    createDispatch: (call: Record<string, unknown>) => {
      calls.push(call);
      return Promise.resolve({ id: `AD_${crypto.randomUUID()}` });
    },
    deleteDispatch: () => Promise.resolve(true),
  } as unknown as ServerApi;
  const live = new LiveDispatches();
  const catalog = { find: (name: string) => agents.find((agent) => agent.name === name) ?? null } as AgentCatalog;
  const placement = new LivekitPlacement({
    ...{ database, api, live, actor: "test", logger: silentLogger, assignTimeoutMs: 100 },
    workers: workerDirectory({ catalog, database, instanceId: uuidv7(), own: () => own }),
  });
  const place = async (agent: string): Promise<string> => {
    const at = new Date();
    const dispatch = {
      ...{
        id: uuidv7(),
        agent,
        server: "local",
        room: "room",
        priority: "normal",
        placement: "livekit",
        origin: "rest",
      },
      ...{ retryOf: null, livekitDispatchId: null, metadata: null, traceparent: null, rankAt: at, waitingReason: null },
      participantIdentity: null,
    } as unknown as NewDispatch;
    const change = { changeId: crypto.randomUUID(), actor: "test", cause: "requested", at };
    assert.equal(await insertQueuedDispatch(database, dispatch, 100, change, null), true);
    placement.place(live.track(newDispatchView(dispatch, at)));
    return dispatch.id;
  };
  const failureOf = (id: string) =>
    eventually(async () => {
      const found = await findDispatch(database, id);
      return found?.dispatch.state === "failed" ? found.dispatch : null;
    });
  return { place, failureOf, calls, [Symbol.dispose]: () => placement.stop() };
}

Deno.test("LivekitPlacement asks LiveKit for the name and deployment that the agent's worker is registered with", async () => {
  const agents = [
    entryOf({ name: "echo" }),
    entryOf({ name: "staged", deployment: "staging" }),
    entryOf({ name: "greeter", dispatch: "automatic" }),
  ];
  using placement = fixture(agents, []);
  for (const { name } of agents) await placement.place(name);
  await eventually(() => placement.calls.length === 3);
  const asked = placement.calls.map(({ agentName, deployment, attributes }) => [
    agentName,
    deployment,
    (attributes as Record<string, string>)["greenroom.agent"],
  ]);
  assert.deepEqual(asked.sort(), [["", "", "greeter"], ["echo", "", "echo"], ["staged", "staging", "staged"]]);
});

Deno.test("LivekitPlacement names the worker that comes nearest when LiveKit gave the job to nobody", async () => {
  using placement = fixture([entryOf({ name: "echo" })], [{ ...WORKER, deployment: "staging" }]);
  const { failureCode, failureMessage } = await placement.failureOf(await placement.place("echo"));
  assert.equal(failureCode, "not_assigned_by_livekit");
  assert.match(failureMessage ?? "", /The nearest is agent "echo": deployment "staging" instead of \(none\)/);
});

Deno.test("LivekitPlacement says why the workers that fit take nothing, and adds nothing when one could have", async () => {
  const full = { ...WORKER, isTaking: false, refusal: "instance_full" };
  using busy = fixture([entryOf({ name: "echo" })], [full]);
  assert.match((await busy.failureOf(await busy.place("echo"))).failureMessage ?? "", /instance_full/);
  using taking = fixture([entryOf({ name: "echo" })], [full, WORKER]);
  assert.match((await taking.failureOf(await taking.place("echo"))).failureMessage ?? "", /within 100 ms\.$/);
});

Deno.test("LivekitPlacement looks at the workers of other instances too, and says when there is none at all", async () => {
  using placement = fixture([], []);
  assert.match(
    (await placement.failureOf(await placement.place("echo"))).failureMessage ?? "",
    /nor for anything like it/,
  );
  const instanceId = uuidv7();
  const instance = { id: instanceId, hostname: "there", pid: 1, version: "0", maxJobs: 1 };
  await insertInstance(test.database, { ...instance, region: null, zone: null });
  await upsertWorker(test.database, {
    ...{ id: uuidv7(), instanceId, server: "local", agent: "echo2", jobType: "room", namespace: "", deployment: "" },
    ...{ livekitWorkerId: "AW_1", state: "registered", lastCloseCode: null, lastError: null },
  });
  assert.match((await placement.failureOf(await placement.place("echo"))).failureMessage ?? "", /agent "echo2": name/);
});
