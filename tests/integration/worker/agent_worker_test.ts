/** One worker against a LiveKit server that is played: how many offers it takes, and that each is answered once. */
import assert from "node:assert/strict";
import {
  AvailabilityRequest,
  type AvailabilityResponse,
  Job,
  JobTermination,
  Room,
  WorkerStatus,
} from "@livekit/protocol";
import { type AgentDescriptor, describeAgent } from "../../../core/agent/descriptor.ts";
import { defineAgent } from "../../../core/agent/define_agent.ts";
import type { AcceptRequest } from "../../../core/agent/hooks.ts";
import { Admission } from "../../../core/capacity/admission.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { type AcceptAnswer, AgentWorker, type AssignedOffer } from "../../../core/worker/agent_worker.ts";
import { OfferRush } from "../../../core/worker/offer_rush.ts";
import { eventually } from "../../support/eventually.ts";
import { type FakeConnection, startFakeLivekit } from "../../support/fake_livekit_server.ts";
import { storm } from "../../support/storm.ts";

const YES: AcceptAnswer = { ok: true, value: true };

interface StartedWorker extends AsyncDisposable {
  worker: AgentWorker;
  admission: Admission;
  assigned: AssignedOffer[];
  terminated: string[];
  declined: unknown[][];
}

type AskAccept = (request: AcceptRequest) => Promise<AcceptAnswer>;

interface Options {
  maxJobs: number;
  agent?: Partial<AgentDescriptor>;
  ask?: AskAccept;
  admission?: Admission;
  /** What the intake waits for with each job. */
  storing?: Promise<void>;
  /** Dispatches that have the agent in a room, by room. */
  holders?: Map<string, string>;
}

function startWorker(url: string, { maxJobs, agent, ask, ...options }: Options): StartedWorker {
  const { admission = new Admission(maxJobs), storing } = options;
  const controller = new AbortController();
  const terminated: string[] = [];
  const assigned: AssignedOffer[] = [];
  const declined: unknown[][] = [];
  const descriptor = { ...describeAgent(defineAgent({ name: "echo", entry: () => {} })), ...agent };
  const worker = new AgentWorker({
    agent: descriptor,
    server: { name: "fake", url, publicUrl: url, credentials: () => ({ apiKey: "devkey", apiSecret: "x".repeat(32) }) },
    admission,
    loadRatioOf: (name) => admission.loadRatioOf(name),
    askAccept: (_name, request) => ask?.(request) ?? null,
    rush: new OfferRush(),
    intake: {
      assigned: async (job) => {
        await storing;
        assigned.push(job);
      },
      terminated: (livekitJobId) => void terminated.push(livekitJobId),
      declined: (agent, { id }, { kind, reason }) => void declined.push([agent, id, kind, reason]),
      holderOf: (_agent, room) => options.holders?.get(room) ?? null,
    },
    timings: { handshakeTimeoutMs: 5_000, pingIntervalMs: 4_000, reconnectFirstMs: 50, reconnectMaxMs: 500 },
    isDebug: false,
    logger: silentLogger,
    onStateChange: () => {},
  });
  const running = worker.run(controller.signal);
  return {
    ...{ worker, admission, assigned, terminated, declined },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await running;
    },
  };
}

function lastStatus(connection: FakeConnection): { status: WorkerStatus | undefined; load: number } | null {
  const message = connection.received.findLast((each) => each.case === "updateWorker");
  return message?.case === "updateWorker" ? { status: message.value.status, load: message.value.load } : null;
}

/** Offers one job, and gives the answer. */
async function answerTo(
  connection: FakeConnection,
  { id, room = "room", agentName = "echo", attributes = {} }: {
    id: string;
    room?: string;
    agentName?: string;
    attributes?: Record<string, string>;
  },
): Promise<AvailabilityResponse> {
  const job = new Job({ id, dispatchId: `AD_${id}`, agentName, room: new Room({ name: room }), attributes });
  await connection.send({ case: "availability", value: new AvailabilityRequest({ job }) });
  return await eventually(() => {
    const found = connection.received.find((each) => each.case === "availability" && each.value.jobId === id);
    return found?.case === "availability" ? found.value : null;
  }, { what: `an answer to ${id}` });
}

Deno.test("a storm of 200 offers on 20 slots accepts exactly 20 and answers all 200 once", async () => {
  await using fake = startFakeLivekit();
  await using started = startWorker(fake.url, { maxJobs: 20 });
  const connection = await fake.registered();
  const { accepted, declined, extraAnswers } = await storm(connection, { offers: 200, label: "storm" });
  assert.deepEqual([accepted.length, declined.length, extraAnswers], [20, 180, 0]);
  await eventually(() => started.assigned.length === 20);
  assert.deepEqual(started.assigned.map(({ offer }) => offer.id).sort(), accepted.sort());
  assert.equal(new Set(started.assigned.map(({ participantIdentity }) => participantIdentity)).size, 20);
  assert.equal(started.admission.snapshot().used, 20);
  assert.equal((await eventually(() => lastStatus(connection)))?.status, WorkerStatus.WS_FULL);
  const { offers } = started.worker;
  assert.deepEqual([offers.accepted, offers.declined, offers.lastDecline?.reason], [20, 180, "instance_full"]);
});

Deno.test("two workers of one instance share its slots in a storm, and an agent keeps to its own limit", async () => {
  await using fake = startFakeLivekit();
  const admission = new Admission(10, (agent) => agent === "few" ? 3 : Infinity);
  await using _few = startWorker(fake.url, { maxJobs: 0, admission, agent: { name: "few" } });
  await using _many = startWorker(fake.url, { maxJobs: 0, admission, agent: { name: "many" } });
  await Promise.all([fake.registered(0), fake.registered(1)]);
  const storms = await Promise.all(
    fake.connections.map((connection, i) => storm(connection, { offers: 50, label: `two${i}` })),
  );
  assert.ok(admission.usedBy("few") <= 3);
  assert.equal(admission.snapshot().used, 10);
  assert.equal(storms.reduce((total, { accepted }) => total + accepted.length, 0), 10);
});

Deno.test("accept is asked with the offer while its slot is held; no, an error and nonsense give the slot back", async () => {
  await using fake = startFakeLivekit();
  const answers: AcceptAnswer[] = [
    YES,
    { ok: true, value: false },
    { ok: false, reason: "the host ended" },
    { ok: true, value: "yes" },
  ];
  const asked: AcceptRequest[] = [];
  const usedWhenAsked: number[] = [];
  const admission = new Admission(1);
  const ask: AskAccept = (request) => {
    usedWhenAsked.push(admission.snapshot().used);
    asked.push(request);
    const answer = answers.at(-1) ?? YES;
    answers.pop();
    return Promise.resolve(answer);
  };
  await using started = startWorker(fake.url, { maxJobs: 1, admission, ask });
  const connection = await fake.registered();
  for (const label of ["nonsense", "error", "no"]) {
    const { declined } = await storm(connection, { offers: 1, label });
    assert.equal(declined.length, 1);
    assert.equal(admission.snapshot().used, 0);
  }
  assert.equal(started.worker.offers.lastDecline?.reason, "the agent's accept said no");
  assert.equal((await storm(connection, { offers: 1, label: "yes" })).accepted.length, 1);
  assert.deepEqual(usedWhenAsked, [1, 1, 1, 1]);
  assert.deepEqual(asked[0], {
    livekitJobId: "AJ_nonsense_0",
    jobType: "room",
    room: "room-AJ_nonsense_0",
    participantIdentity: null,
    metadata: "",
    attributes: {},
  });
});

Deno.test("an accept that never answers is a no for its own offers, once each, and holds up no other agent's", async () => {
  await using fake = startFakeLivekit();
  const admission = new Admission(100);
  await using stuck = startWorker(fake.url, {
    ...{ maxJobs: 0, admission, agent: { name: "stuck" } },
    ask: () => new Promise(() => {}),
  });
  const stuckConnection = await fake.registered(0);
  const waiting = storm(stuckConnection, { offers: 30, label: "stuck" });
  await eventually(() => admission.usedBy("stuck") === 30, { what: "offers that are being asked about" });
  await using _quick = startWorker(fake.url, { maxJobs: 0, admission, agent: { name: "quick" } });
  const quick = await storm(await fake.registered(1), { offers: 30, label: "quick" });
  assert.equal(quick.accepted.length, 30);
  const { accepted, declined, extraAnswers } = await waiting;
  assert.deepEqual([accepted.length, declined.length, extraAnswers], [0, 30, 0]);
  assert.equal(admission.usedBy("stuck"), 0);
  assert.match(stuck.worker.offers.lastDecline?.reason ?? "", /no answer within 200 ms/);
});

Deno.test("a worker that is cordoned tells LiveKit that it is full and declines what is offered all the same", async () => {
  await using fake = startFakeLivekit();
  await using started = startWorker(fake.url, { maxJobs: 5 });
  const connection = await fake.registered();
  await eventually(() => lastStatus(connection)?.status === WorkerStatus.WS_AVAILABLE);
  started.admission.setAdmitting("cordoned");
  await eventually(() => lastStatus(connection)?.status === WorkerStatus.WS_FULL);
  const { declined } = await storm(connection, { offers: 3, label: "cordoned" });
  assert.equal(declined.length, 3);
  assert.equal(started.worker.refusal, "cordoned");
  started.admission.setAdmitting(null);
  await eventually(() => lastStatus(connection)?.status === WorkerStatus.WS_AVAILABLE);
  assert.equal((await storm(connection, { offers: 1, label: "again" })).accepted.length, 1);
});

Deno.test("changes of load are told together, a change of status at once, and no load of a free worker reaches 0.7", async () => {
  await using fake = startFakeLivekit();
  await using started = startWorker(fake.url, { maxJobs: 20 });
  const connection = await fake.registered();
  await eventually(() => lastStatus(connection));
  const updates = () => connection.received.filter((message) => message.case === "updateWorker").length;
  const before = updates();
  for (let i = 0; i < 19; i++) {
    assert.ok(started.admission.admit("echo").ok);
    await Promise.resolve();
  }
  const { load } = await eventually(() => (lastStatus(connection)?.load ?? 0) > 0.6 ? lastStatus(connection) : null);
  assert.ok(load < 0.7);
  assert.ok(updates() - before < 5, `${updates() - before} messages for 19 changes`);
  assert.ok(started.admission.admit("echo").ok);
  await eventually(() => lastStatus(connection)?.status === WorkerStatus.WS_FULL);
});

Deno.test("a registration carries job type, namespace, deployment, permissions and, when automatic, no name", async () => {
  await using fake = startFakeLivekit();
  await using _named = startWorker(fake.url, {
    maxJobs: 1,
    agent: { jobType: "publisher", namespace: "eu", deployment: "staging" },
  });
  await fake.registered(0);
  await using _unnamed = startWorker(fake.url, {
    maxJobs: 1,
    agent: { dispatch: "automatic", jobType: "participant" },
  });
  await fake.registered(1);
  const registrations = fake.connections.map(({ received }) =>
    received.find((each) => each.case === "register")?.value
  );
  const fields = registrations.map((each) =>
    each && "agentName" in each ? [each.agentName, each.type, each.namespace, each.deployment] : []
  );
  assert.deepEqual(fields, [["echo", 1, "eu", "staging"], ["", 2, "", ""]]);
});

Deno.test("an unnamed worker declines a dispatch of ours that is meant for another unnamed agent", async () => {
  await using fake = startFakeLivekit();
  await using started = startWorker(fake.url, { maxJobs: 1, agent: { dispatch: "automatic" } });
  const connection = await fake.registered();
  const attributes = { "greenroom.agent": "greeter" };
  const { declined } = await storm(connection, { offers: 1, label: "other", attributes });
  assert.equal(declined.length, 1);
  assert.equal(started.worker.offers.lastDecline?.reason, "meant for agent greeter");
});

Deno.test("an automatic offer for a room that another dispatch has the agent in is answered terminate; no other offer is", async () => {
  await using fake = startFakeLivekit();
  const holders = new Map([["held", "dispatch-1"]]);
  await using started = startWorker(fake.url, { maxJobs: 5, agent: { dispatch: "automatic" }, holders });
  const connection = await fake.registered();
  const own = { "greenroom.dispatch": "dispatch-1", "greenroom.agent": "echo" };
  const held = await answerTo(connection, { id: "AJ_held", agentName: "", room: "held" });
  const free = await answerTo(connection, { id: "AJ_free", agentName: "", room: "free" });
  const ours = await answerTo(connection, { id: "AJ_own", agentName: "", room: "held", attributes: own });
  const named = await answerTo(connection, { id: "AJ_named", room: "held" });
  assert.deepEqual([held.terminate, free.available, ours.available, named.available], [true, true, true, true]);
  assert.equal(started.admission.usedBy("echo"), 3);
});

Deno.test("who places dispatches hears of each offer that was declined, and whether the agent itself said no", async () => {
  await using fake = startFakeLivekit();
  const answers: AcceptAnswer[] = [{ ok: true, value: false }, { ok: false, reason: "no answer within 200 ms" }];
  await using started = startWorker(fake.url, { maxJobs: 1, ask: () => Promise.resolve(answers.shift() ?? YES) });
  const connection = await fake.registered();
  await answerTo(connection, { id: "AJ_1" });
  await answerTo(connection, { id: "AJ_2" });
  await answerTo(connection, { id: "AJ_3", attributes: { "greenroom.agent": "another" } });
  started.admission.setAdmitting("cordoned");
  await answerTo(connection, { id: "AJ_4" });
  assert.deepEqual(started.declined, [
    ["echo", "AJ_1", "agent", "the agent's accept said no"],
    ["echo", "AJ_2", "no_answer", "the agent's accept: no answer within 200 ms"],
    ["echo", "AJ_3", "not_meant", "meant for agent another"],
    ["echo", "AJ_4", "no_room", "cordoned"],
  ]);
});

Deno.test("a retired worker takes nothing more, and stays connected until its job's end is told", async () => {
  await using fake = startFakeLivekit();
  await using started = startWorker(fake.url, { maxJobs: 5 });
  const connection = await fake.registered();
  await storm(connection, { offers: 1, label: "kept" });
  const { link } = await eventually(() => started.assigned[0]);
  started.worker.retire();
  await eventually(() => lastStatus(connection)?.status === WorkerStatus.WS_FULL);
  assert.equal((await storm(connection, { offers: 1, label: "refused" })).declined.length, 1);
  assert.equal(connection.isOver, false);
  assert.equal(await link.report("succeeded"), true);
  await eventually(() => started.worker.snapshot().state === "stopped");
});

Deno.test("a termination that comes while its job is still being stored is passed on once it is", async () => {
  await using fake = startFakeLivekit();
  const storing = Promise.withResolvers<void>();
  await using started = startWorker(fake.url, { maxJobs: 1, storing: storing.promise });
  const connection = await fake.registered();
  const { accepted: [jobId = ""] } = await storm(connection, { offers: 1, label: "soon" });
  await connection.send({ case: "termination", value: new JobTermination({ jobId }) });
  // What is sent after it has been read, so it has been too.
  assert.equal((await storm(connection, { offers: 1, label: "after" })).declined.length, 1);
  assert.deepEqual(started.terminated, []);
  storing.resolve();
  await eventually(() => started.terminated.length === 1);
  assert.deepEqual([started.terminated, started.assigned.length], [[jobId], 1]);
});
