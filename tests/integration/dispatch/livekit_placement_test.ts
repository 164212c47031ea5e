/** Dispatches that LiveKit places: what it is asked for, and what becomes of those that it gives, or would give, to nobody. */
import assert from "node:assert/strict";
import { sql } from "drizzle-orm";
import { AbandonedPlacements } from "../../../core/dispatch/abandoned_placements.ts";
import { LivekitApiError } from "../../../core/livekit/api_error.ts";
import { type AgentDescriptor, describeAgent } from "../../../core/agent/descriptor.ts";
import { type AgentOptions, defineAgent } from "../../../core/agent/define_agent.ts";
import { LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { LivekitPlacement } from "../../../core/dispatch/livekit_placement.ts";
import { newDispatchView } from "../../../core/dispatch/new_views.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import type { OfferedJob } from "../../../core/livekit/job_offer.ts";
import type { ServerApi } from "../../../core/livekit/server_api.ts";
import type { AgentCatalog, AgentEntry } from "../../../core/runtime/agent_catalog.ts";
import { workerDirectory, type WorkerDirectorySources } from "../../../core/services/worker_directory.ts";
import { type RegisteredWorker, workerKeyOf } from "../../../core/worker/worker_match.ts";
import { assignLivekitJob } from "../../../db/claims.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertQueuedDispatch, type NewDispatch } from "../../../db/dispatches.ts";
import { queueUnplaced } from "../../../db/livekit_placements.ts";
import { insertInstance } from "../../../db/instances.ts";
import { rows } from "../../../db/statement.ts";
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

type Elsewhere = NonNullable<WorkerDirectorySources["elsewhere"]>;

function fixture(
  agents: AgentEntry[],
  own: RegisteredWorker[],
  assignTimeoutMs = 100,
  elsewhere: Elsewhere = () => [],
) {
  const { database } = test;
  const calls: Record<string, unknown>[] = [];
  const deleted: string[] = [];
  let failure: Error | null = null;
  let wakes = 0;
  const api = {
    createDispatch: (call: Record<string, unknown>) => {
      if (failure) return Promise.reject(failure);
      calls.push(call);
      return Promise.resolve({ id: `AD_${(call.attributes as Record<string, string>)["greenroom.dispatch"]}` });
    },
    deleteDispatch: (_room: string, id: string) => {
      deleted.push(id);
      return Promise.resolve(true);
    },
  } as unknown as ServerApi;
  const live = new LiveDispatches();
  const catalog = { find: (name: string) => agents.find((agent) => agent.name === name) ?? null } as AgentCatalog;
  const directory = workerDirectory({ catalog, database, instanceId: uuidv7(), own: () => own, elsewhere });
  const placement = new LivekitPlacement({
    ...{ database, api, live, actor: "test", logger: silentLogger, assignTimeoutMs, workers: directory },
    onQueued: () => void (wakes += 1),
  });
  const stored = async (agent: string) => {
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
    return newDispatchView(dispatch, at);
  };
  const store = async (agent: string) => (await stored(agent)).id;
  const place = async (agent: string, before: (id: string) => Promise<unknown> = async () => {}): Promise<string> => {
    const view = await stored(agent);
    await before(view.id);
    placement.place(live.track(view));
    return view.id;
  };
  /** When it has come into our queue, with what its history says of that. */
  const queued = (id: string) =>
    eventually(async () => {
      const found = await findDispatch(database, id);
      if (found?.dispatch.placement !== "direct") return null;
      const [moved] = await rows<{ cause: string }>(
        database,
        sql`select cause from transitions where dispatch_id = ${id} and from_state = 'queued'`,
      );
      return moved && { row: found.dispatch, cause: moved.cause };
    }, { what: `${id} in our queue` });
  const failureOf = (id: string) =>
    eventually(async () => {
      const found = await findDispatch(database, id);
      return found?.dispatch.state === "failed" ? found.dispatch : null;
    });
  return {
    ...{ place, store, queued, failureOf, calls, deleted, placement, directory, api },
    wakes: () => wakes,
    failWith: (error: Error) => void (failure = error),
    [Symbol.dispose]: () => placement.stop(),
  };
}

Deno.test("LivekitPlacement asks LiveKit for the name and deployment that the agent's worker is registered with", async () => {
  const agents = [
    entryOf({ name: "echo" }),
    entryOf({ name: "staged", deployment: "staging" }),
    entryOf({ name: "greeter", dispatch: "automatic" }),
  ];
  const workers = agents.map(({ descriptor }): RegisteredWorker => ({
    ...workerKeyOf(descriptor as AgentDescriptor),
    ...{ agent: descriptor?.name ?? "", isTaking: true, refusal: null },
  }));
  using placement = fixture(agents, workers, 60_000);
  for (const { name } of agents) await placement.place(name);
  await eventually(() => placement.calls.length === 3);
  const asked = placement.calls.map(({ agentName, deployment, attributes }) => [
    agentName,
    deployment,
    (attributes as Record<string, string>)["greenroom.agent"],
  ]);
  assert.deepEqual(asked.sort(), [["", "", "greeter"], ["echo", "", "echo"], ["staged", "staging", "staged"]]);
});

Deno.test("LivekitPlacement asks nobody when no worker would take it: it waits in our queue, and its history says why", async () => {
  const full = { ...WORKER, isTaking: false, refusal: "instance_full" };
  const cases: [RegisteredWorker[], string, RegExp][] = [
    [[full], "not_taken_by_livekit", /can take a job now: instance_full/],
    [
      [{ ...WORKER, deployment: "staging" }],
      "agent_not_hosted",
      /The nearest is agent "echo": deployment "staging" instead of \(none\)/,
    ],
    [[], "agent_not_hosted", /nor for anything like it/],
  ];
  for (const [own, reason, why] of cases) {
    using placement = fixture([entryOf({ name: "echo" })], own);
    const id = await placement.place("echo");
    const { row, cause } = await placement.queued(id);
    assert.deepEqual([row.state, row.placement, row.waitingReason, placement.calls.length], [
      ...["queued", "direct", reason],
      0,
    ]);
    assert.match(cause, why);
    assert.equal(placement.wakes(), 1);
  }
});

Deno.test("LivekitPlacement queues what LiveKit dropped though a worker would take it", async () => {
  using placement = fixture([entryOf({ name: "echo" })], [WORKER]);
  const { row, cause } = await placement.queued(await placement.place("echo"));
  assert.deepEqual([row.waitingReason, row.livekitDispatchId], ["not_taken_by_livekit", null]);
  assert.match(cause, /assigned it to nobody within 100 ms\.$/);
  assert.equal(placement.calls.length, 1);
  await eventually(() => placement.deleted.length === 1, { what: "LiveKit's dispatch deleted" });
});

/** As LiveKit offers a job of a dispatch of ours. */
function offerOf(dispatchId: string, participant: OfferedJob["participant"] = null): OfferedJob {
  return {
    ...{ id: `AJ_${dispatchId}`, dispatchId: `AD_${dispatchId}`, jobType: "room", agentName: "echo", metadata: "" },
    ...{ namespace: "", deployment: "", attributes: { "greenroom.dispatch": dispatchId } },
    ...{ room: { name: "room", sid: "RM_1", metadata: "" }, participant },
  };
}

const FULL = { kind: "no_room", reason: "instance_full" } as const;

for (const watcher of ["this instance", "another instance"]) {
  Deno.test(`a dispatch of ${watcher} whose offer a worker here can't take is queued at once, one that the agent does not want fails`, async () => {
    using placement = fixture([entryOf({ name: "echo" })], [WORKER], 60_000);
    const made = () => watcher === "this instance" ? placement.place("echo") : placement.store("echo");
    const [busy, unwanted, waited] = [await made(), await made(), await made()];
    if (watcher === "this instance") await eventually(() => placement.calls.length === 3);
    placement.placement.declined(offerOf(busy), FULL);
    placement.placement.declined(offerOf(unwanted), { kind: "agent", reason: "the agent's accept said no" });
    placement.placement.declined(offerOf(waited), { kind: "no_answer", reason: "no answer within 200 ms" });
    placement.placement.declined(offerOf(waited), { kind: "not_meant", reason: "meant for agent another" });
    placement.placement.declined(offerOf(waited, { identity: "ada", sid: "PA_1", name: "" }), FULL);
    assert.match((await placement.queued(busy)).cause, /had no room: instance_full\.$/);
    assert.equal(placement.wakes(), 1);
    const { failureCode, failureMessage } = await placement.failureOf(unwanted);
    assert.equal(failureCode, "not_assigned_by_livekit");
    assert.match(failureMessage ?? "", /the agent's accept said no/);
    await eventually(() => placement.deleted.length === 2, { what: "both of LiveKit's dispatches deleted" });
    const { state, placement: where } = (await findDispatch(test.database, waited))!.dispatch;
    assert.deepEqual([state, where], ["queued", "livekit"]);
  });
}

Deno.test("what another instance was assigned is left alone when the time here is over, and when it is declined late", async () => {
  using placement = fixture([entryOf({ name: "echo" })], [WORKER]);
  const take = async (id: string) => assert.ok(await assigned(id));
  const ids = [await placement.place("echo", take), await placement.place("echo", take)] as const;
  await eventually(() => placement.calls.length === 2);
  placement.placement.declined(offerOf(ids[1]), FULL);
  placement.placement.declined(offerOf(ids[1]), { kind: "agent", reason: "no" });
  // Its time is over later.
  const later = await placement.place("echo");
  await placement.queued(later);
  await eventually(() => placement.deleted.includes(`AD_${later}`));
  assert.deepEqual(placement.deleted, [`AD_${later}`]);
  for (const id of ids) {
    const { state, placement: where } = (await findDispatch(test.database, id))!.dispatch;
    assert.deepEqual([state, where], ["placed", "livekit"]);
  }
});

/** Another instance takes the assignment. */
function assigned(id: string) {
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
  const jobId = uuidv7();
  const job = { id: jobId, attempt: 1, participant: null, participantIdentity: `agent-${jobId}`, workerId: null };
  const rest = { instanceId: uuidv7(), livekitJobId: `AJ_${jobId}`, leaseToken: crypto.randomUUID() };
  return assignLivekitJob(test.database, id, `AD_${jobId}`, { ...job, ...rest }, change);
}

Deno.test("LivekitPlacement looks at the workers of other instances too", async () => {
  const instanceId = uuidv7();
  using placement = fixture([], [], 60_000, () => [{ instanceId, free: 0, isStale: false }]);
  const instance = { id: instanceId, hostname: "there", pid: 1, version: "0", maxJobs: 1 };
  await insertInstance(test.database, { ...instance, region: null, zone: null });
  await upsertWorker(test.database, {
    ...{ id: uuidv7(), instanceId, server: "local", agent: "echo2", jobType: "room", namespace: "", deployment: "" },
    ...{ livekitWorkerId: "AW_1", state: "registered", lastCloseCode: null, lastError: null },
  });
  assert.match((await placement.queued(await placement.place("echo"))).cause, /agent "echo2": name/);
  assert.match((await placement.queued(await placement.place("echo2"))).cause, /take a job now: no room there/);
});

Deno.test("LiveKit that can't be asked now is not the end of a dispatch; LiveKit that refuses it is", async () => {
  using away = fixture([entryOf({ name: "echo" })], [WORKER]);
  away.failWith(new LivekitApiError("unreachable", "connection refused"));
  assert.equal((await away.queued(await away.place("echo"))).row.waitingReason, "livekit_unreachable");
  away.failWith(new LivekitApiError("unauthorized", "wrong key"));
  assert.equal((await away.failureOf(await away.place("echo"))).failureCode, "livekit_unauthorized");
});

Deno.test("an assignment that comes after the move is refused, and one that came before it prevents the move", async () => {
  using placement = fixture([entryOf({ name: "echo" })], [WORKER], 60_000);
  const [moved, taken] = [await placement.place("echo"), await placement.place("echo")];
  const change = { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
  assert.ok(await assigned(taken));
  assert.equal(await queueUnplaced(test.database, taken, "not_taken_by_livekit", change), false);
  assert.equal(await queueUnplaced(test.database, moved, "not_taken_by_livekit", change), true);
  assert.equal(await assigned(moved), null);
});

Deno.test("AbandonedPlacements queues what nobody watches any more, and leaves alone what somebody may", async () => {
  using placement = fixture([entryOf({ name: "echo" }), entryOf({ name: "for_one", jobType: "participant" })], [
    WORKER,
  ]);
  const { database } = test;
  const store = async (agent: string, secondsAgo: number, watchedForSeconds: number | null) => {
    const id = await placement.store(agent);
    await rows(
      database,
      sql`update dispatches set created_at = now() - make_interval(secs => ${secondsAgo}::int),
        not_before = now() + make_interval(secs => ${watchedForSeconds}::int) where id = ${id}`,
    );
    return id;
  };
  const unasked = await store("echo", 40, null);
  const over = await store("echo", 20, -1);
  const young = await store("echo", 20, null);
  const watched = await store("echo", 40, 5);
  const perParticipant = await store("for_one", 40, null);
  let woken = 0;
  const abandoned = new AbandonedPlacements({
    ...{ database, api: placement.api, live: new LiveDispatches(), server: "local", actor: "test" },
    ...{ workers: placement.directory, onQueued: () => void (woken += 1), logger: silentLogger },
  });
  assert.equal(await abandoned.lookOnce(), 3);
  assert.equal(await abandoned.lookOnce(), 0);
  assert.equal(woken, 1);
  const found = await Promise.all(
    [unasked, over, young, watched, perParticipant].map((id) => findDispatch(database, id)),
  );
  assert.deepEqual(found.map((each) => `${each?.dispatch.placement} ${each?.dispatch.state}`), [
    ...["direct queued", "direct queued", "livekit queued", "livekit queued", "livekit failed"],
  ]);
});
