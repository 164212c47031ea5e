/** What LiveKit had nobody to give to: queued once, served while it is awaited, and never for nobody. */
import assert from "node:assert/strict";
import { AgentDispatch, AgentDispatchState, Job, JobType, ParticipantInfo, Room, TrackInfo } from "@livekit/protocol";
import { describeAgent } from "../../../core/agent/descriptor.ts";
import { type AgentOptions, defineAgent } from "../../../core/agent/define_agent.ts";
import { AwaitedOffers } from "../../../core/dispatch/awaited_offers.ts";
import { LivekitIntake, type LivekitIntakeOptions } from "../../../core/dispatch/livekit_intake.ts";
import { MissedOffers } from "../../../core/dispatch/missed_offers.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { LivekitApiError } from "../../../core/livekit/api_error.ts";
import type { AgentCatalog, AgentEntry } from "../../../core/runtime/agent_catalog.ts";
import type { JobRunner } from "../../../core/runtime/job_runner.ts";
import { listDispatches } from "../../../db/dispatch_reads.ts";
import { insertPlacedDispatch, type NewDispatch, type NewJob } from "../../../db/dispatches.ts";
import { endJob } from "../../../db/jobs.ts";
import { agentEntry, type DispatchFixture, dispatchFixture } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();
const SETTLED_MS = 5_000;

/** One room of a LiveKit server, and what it has noted of it. */
class PlayedRoom {
  readonly room = new Room({ name: "room", sid: "RM_1" });
  readonly records: AgentDispatch[] = [];
  people: ParticipantInfo[] = [];
  isReachable = true;
  asked = 0;

  record(agentName: string, fields: ConstructorParameters<typeof AgentDispatch>[0] = {}): AgentDispatch {
    const record = new AgentDispatch({
      id: `AD_${this.records.length}`,
      ...{ agentName, state: new AgentDispatchState(), ...fields },
    });
    this.records.push(record);
    return record;
  }

  come(identity: string, { publishes = false } = {}): ParticipantInfo {
    const tracks = publishes ? [new TrackInfo({ sid: "TR_1" })] : [];
    const person = new ParticipantInfo({ identity, sid: `PA_${uuidv7()}`, joinedAtMs: BigInt(Date.now()), tracks });
    this.people = [...this.people, person];
    this.room.numParticipants += 1;
    return person;
  }

  leave(identity: string): void {
    this.people = this.people.filter((each) => each.identity !== identity);
    this.room.numParticipants -= 1;
  }

  readonly api = {
    listRooms: () => this.#answer([this.room]),
    listDispatches: () => {
      this.asked += 1;
      return this.#answer(this.records);
    },
    listParticipants: () => this.#answer(this.people),
  };

  #answer<Value>(value: Value): Promise<Value> {
    return this.isReachable ? Promise.resolve(value) : Promise.reject(new LivekitApiError("unreachable", "away"));
  }
}

interface Instance extends DispatchFixture {
  missed: MissedOffers;
  awaited: AwaitedOffers;
  /** Looks, and once more when what was seen has settled. */
  look: () => Promise<number>;
}

function entry(name: string, options: Partial<AgentOptions> = {}, fields: Partial<AgentEntry> = {}): AgentEntry {
  return agentEntry(name, { descriptor: describeAgent(defineAgent({ name, entry: () => {}, ...options })), ...fields });
}

const EACH = entry("each", { jobType: "participant" });

function instance(room: PlayedRoom, agents: AgentEntry[] = [EACH], { maxJobs = 0, queueCapacity = 10 } = {}): Instance {
  const { database } = test;
  const fixture: DispatchFixture = dispatchFixture(database, {
    ...{ agents, maxJobs },
    whyUnwanted: (claimed) => awaited.whyUnwanted(claimed),
  });
  let nowMs = 0;
  const { live, admission } = fixture;
  const catalog = { list: () => agents, find: (name: string) => agents.find((each) => each.name === name) ?? null };
  const sources = {
    ...{ database, live, actor: "test", server: "local", api: room.api, logger: silentLogger },
    catalog: catalog as unknown as AgentCatalog,
  };
  const awaited: AwaitedOffers = new AwaitedOffers(sources);
  const missed = new MissedOffers({
    ...{ ...sources, queueCapacity, maxMetadataBytes: 65_536 },
    notTaking: () => agents.map(({ name }) => name).filter((name) => admission.refusalFor(name) !== null),
    onQueued: () => {},
    nowMs: () => nowMs,
  });
  const look = async () => {
    const first = await missed.lookOnce();
    nowMs += SETTLED_MS;
    return first + await missed.lookOnce();
  };
  return { ...fixture, missed, awaited, look };
}

async function stored() {
  const found = await listDispatches(test.database, { limit: 50, cursor: null }, {});
  return found.map(({ dispatch, jobs }) => ({
    ...{ agent: dispatch.agent, for: dispatch.participantIdentity, state: dispatch.state },
    ...{ failure: dispatch.failureCode, jobs: jobs.map(({ state, endReason }) => endReason ?? state) },
  })).toReversed();
}

const QUEUED = { state: "queued", failure: null, jobs: [] };

Deno.test("MissedOffers queues each participant whom LiveKit gave to nobody, once, whichever instances see it", async () => {
  const room = new PlayedRoom();
  const record = room.record("each", { metadata: '{"a":1}' });
  const ada = room.come("ada");
  room.come("bob");
  record.state?.jobs.push(new Job({ type: JobType.JT_PARTICIPANT, participant: ada }));
  const [one, other] = [instance(room), instance(room)];
  assert.equal(await one.missed.lookOnce(), 0, "LiveKit may still be asking");
  const [mine, others] = await Promise.all([one.look(), other.look()]);
  assert.equal(mine + others, 1);
  assert.equal(await one.look() + await other.look(), 0);
  assert.deepEqual(await stored(), [{ ...QUEUED, agent: "each", for: "bob" }]);
  const [{ dispatch } = { dispatch: null }] = await listDispatches(test.database, { limit: 1, cursor: null }, {});
  assert.deepEqual([dispatch?.origin, dispatch?.placement, dispatch?.metadata], ["livekit", "direct", '{"a":1}']);
});

Deno.test("MissedOffers asks LiveKit only while a worker takes nothing and soon after, and again where people come", async () => {
  const room = new PlayedRoom();
  room.record("each");
  const { missed, look } = instance(room, [EACH], { maxJobs: 1 });
  await look();
  assert.equal(room.asked, 0);
  missed.declined("each");
  await missed.lookOnce();
  await missed.lookOnce();
  assert.equal(room.asked, 1);
  room.come("ada");
  assert.equal(await look(), 1);
});

Deno.test("MissedOffers queues an automatic agent for a room with people, and a room's agent that somebody else asked for", async () => {
  const room = new PlayedRoom();
  room.record("");
  room.record("echo");
  const { look } = instance(room, [entry("greeter", { dispatch: "automatic" }), entry("echo")]);
  assert.equal(await look(), 0, "nobody is there");
  room.come("ada");
  assert.equal(await look(), 2);
  assert.deepEqual((await stored()).map(({ agent, for: whom, state }) => [agent, whom, state]), [
    ["greeter", null, "queued"],
    ["echo", null, "queued"],
  ]);
});

Deno.test("MissedOffers leaves what the agent's accept does not want, and what a job serves or has served", async () => {
  const room = new PlayedRoom();
  room.record("picky");
  room.record("each");
  let asked = 0;
  const hook = () => {
    asked += 1;
    return Promise.resolve({ ok: true as const, value: false });
  };
  const picky = entry("picky", { accept: () => false }, { hook: hook as AgentEntry["hook"] });
  const { look } = instance(room, [picky, EACH]);
  room.come("ada");
  const job = await serve("each", "ada");
  assert.equal(await look(), 0);
  await endJob(test.database, job.key, { state: "succeeded", endReason: "entry_returned", failure: null }, change());
  assert.equal(await look() + await look(), 0);
  assert.equal(asked, 1);
});

Deno.test("AwaitedOffers ends what waits when it is awaited no more, and only when LiveKit says so", async () => {
  const room = new PlayedRoom();
  room.record("each");
  const record = room.record("echo");
  room.come("ada");
  room.come("bob");
  const { awaited, look } = instance(room, [EACH, entry("echo")]);
  assert.equal(await look(), 3);
  room.isReachable = false;
  room.leave("ada");
  room.records.splice(room.records.indexOf(record), 1);
  assert.equal(await awaited.lookOnce(), 3);
  assert.deepEqual((await stored()).filter(({ state }) => state !== "queued"), []);
  room.isReachable = true;
  await awaited.lookOnce();
  const ended = (await stored()).map(({ agent, for: whom, state, failure }) => [agent, whom, state, failure]);
  assert.deepEqual(ended.sort(), [
    ["each", "ada", "cancelled", "nobody_waits"],
    ["each", "bob", "queued", null],
    ["echo", null, "cancelled", "dispatch_deleted"],
  ]);
});

Deno.test("a slot that gets free is given to whom LiveKit found nobody for, but never to one that has just left", async () => {
  const room = new PlayedRoom();
  room.record("each");
  room.come("ada");
  room.come("bob");
  const full = instance(room);
  assert.equal(await full.look(), 2);
  const free = instance(room, [EACH], { maxJobs: 5 });
  room.leave("ada");
  assert.equal(await free.claimer.claimOnce(), 2);
  await eventually(async () => (await stored()).some(({ state }) => state === "cancelled"));
  assert.deepEqual((await stored()).map(({ for: whom, state, jobs }) => [whom, state, jobs]).sort(), [
    ["ada", "cancelled", ["participant_left"]],
    ["bob", "placed", ["assigned"]],
  ]);
  await eventually(() => free.jobs.count === 1);
  assert.equal(free.admission.snapshot().used, 1);
  assert.equal(free.jobs.plans[0]?.triggeringParticipant, "bob");
});

Deno.test("of a missed job's dispatch and an assignment that comes late, one serves the participant", async () => {
  const room = new PlayedRoom();
  room.record("each");
  room.come("ada");
  const { look, jobs, starter, live, instanceId, agents, admission } = instance(room);
  assert.equal(await look(), 1);
  const reports: unknown[][] = [];
  const intake = new LivekitIntake({
    ...{ database: test.database, instanceId, server: "local", starter, live, maxMetadataBytes: 1_000 },
    catalog: { find: () => agents[0] ?? null } as unknown as AgentCatalog,
    runner: jobs as unknown as JobRunner,
    logger: silentLogger,
  } as unknown as LivekitIntakeOptions);
  const reservation = { agent: "each", release: () => void reports.push(["released"]) };
  await intake.assigned({
    offer: {
      ...{ id: "AJ_1", dispatchId: "AD_0", jobType: "participant", agentName: "each", namespace: "", deployment: "" },
      ...{ metadata: "", attributes: {}, room: { name: "room", sid: "RM_1", metadata: "" } },
      participant: { identity: "ada", sid: "PA_1", name: "" },
    },
    ...{ jobId: uuidv7(), participantIdentity: "agent-1", reservation, workerId: uuidv7() },
    link: {
      livekitJobId: "AJ_1",
      report: (...told) => Promise.resolve(reports.push(told) > 0),
      settle: () => Promise.resolve(true),
    },
  });
  assert.deepEqual(reports, [["released"], ["succeeded", undefined]]);
  assert.deepEqual([jobs.count, admission.snapshot().used, (await stored()).length], [0, 0, 1]);
});

function change() {
  return { changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() };
}

/** LiveKit has given this participant's job to some instance. */
async function serve(agent: string, participant: string) {
  const dispatch = {
    ...{ id: uuidv7(), agent, server: "local", room: "room", priority: "normal", placement: "livekit" },
    ...{ origin: "livekit", retryOf: null, livekitDispatchId: "AD_there", metadata: null, traceparent: null },
    ...{ rankAt: new Date(), waitingReason: null, participantIdentity: null },
  } as NewDispatch;
  const job: NewJob = {
    ...{ id: uuidv7(), attempt: 1, participant, participantIdentity: "agent-there", instanceId: uuidv7() },
    ...{ workerId: null, livekitJobId: "AJ_there", leaseToken: crypto.randomUUID() },
  };
  assert.ok(await insertPlacedDispatch(test.database, dispatch, job, change(), null, { mayOvertake: true }));
  return { key: { jobId: job.id, dispatchId: dispatch.id, leaseToken: job.leaseToken } };
}
