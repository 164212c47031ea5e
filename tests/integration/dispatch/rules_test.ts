/** Rules on a real database; LiveKit's lists are what the test says, agents run nowhere. */
import assert from "node:assert/strict";
import { ParticipantInfo, ParticipantInfo_Kind, Room } from "@livekit/protocol";
import type { AgentDescriptor } from "../../../core/agent/descriptor.ts";
import { RuleBook } from "../../../core/dispatch/rules/rule_book.ts";
import { RuleRunner } from "../../../core/dispatch/rules/rule_runner.ts";
import { ruleRequestSchema } from "../../../core/dispatch/rules/rule_schema.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { happeningOfParticipant, happeningOfRoom } from "../../../core/livekit/room_happening.ts";
import type { AgentCatalog } from "../../../core/runtime/agent_catalog.ts";
import { nearestNames } from "../../../core/runtime/nearest_names.ts";
import { listRuleMatches, pruneRuleMatches } from "../../../db/rules.ts";
import { agentEntry, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

const AGENTS = [
  agentEntry("echo"),
  agentEntry("everywhere", { descriptor: { jobType: "room", dispatch: "automatic" } as AgentDescriptor }),
  agentEntry("helper", { descriptor: { jobType: "participant", hooks: {} } as AgentDescriptor }),
];

/** One instance; `rooms` is what LiveKit has. */
function instance(agents = AGENTS) {
  const { database } = test;
  const rooms = new Map<Room, ParticipantInfo[]>();
  const catalog = {
    find: (name: string) => agents.find((agent) => agent.name === name) ?? null,
    nearest: (name: string, limit: number) => nearestNames(name, agents.map((agent) => agent.name), limit),
  } as unknown as AgentCatalog;
  const dispatches = dispatchFixture(database, { agents });
  const book = new RuleBook({ database, catalog, maxMetadataBytes: 1_000 });
  const named = (name: string) => [...rooms].find(([room]) => room.name === name)?.[1] ?? [];
  const api = {
    listRooms: () => Promise.resolve([...rooms.keys()]),
    listParticipants: (name: string) => Promise.resolve(named(name)),
    findParticipant: (name: string, identity: string) =>
      Promise.resolve(named(name).find((participant) => participant.identity === identity) ?? null),
  };
  const runner = new RuleRunner({
    ...{ database, catalog, book, api, dispatcher: dispatches.dispatcher, logger: silentLogger },
    ...{ server: "local", leader: { isLeader: true }, pollMs: 1_000 },
  });
  return { ...dispatches, book, runner, rooms };
}

type Instance = ReturnType<typeof instance>;

let lastSid = 0;
/** As LiveKit tells of it, begun so long after now. */
function room(name: string, afterMs = 1_000): Room {
  const ms = Date.now() + afterMs;
  return new Room({ sid: `RM_${lastSid += 1}`, name, numParticipants: 1, creationTimeMs: BigInt(ms) });
}

function participant(identity: string, kind = ParticipantInfo_Kind.STANDARD, attributes = {}): ParticipantInfo {
  const joinedAtMs = BigInt(Date.now() + 1_000);
  return new ParticipantInfo({ sid: `PA_${lastSid += 1}`, identity, kind, attributes, joinedAtMs });
}

async function addRule({ book }: Instance, fields: Record<string, unknown>): Promise<string> {
  const request = { name: "rule", agent: "echo", event: "room_started", roomPattern: "support-*", ...fields };
  const made = await book.create(ruleRequestSchema.parse(request), "rest:test");
  assert.ok(made.ok, JSON.stringify(made));
  return made.rule.id;
}

const asked = ({ live }: Instance) => live.list().map(({ view }) => view);

Deno.test("A rule places its agent directly when a room that fits starts, with its metadata and priority", async () => {
  const here = instance();
  await addRule(here, { name: "calls", metadata: { team: "a" }, priority: "high" });
  assert.deepEqual(await here.runner.act(happeningOfRoom(room("support-1"))), ["placed"]);
  assert.deepEqual(await here.runner.act(happeningOfRoom(room("sales-1"))), []);
  const [view] = asked(here);
  const { agent, origin, priority, metadata, placement, state } = view ?? {};
  assert.deepEqual(
    { agent, origin, priority, metadata, placement, state },
    { agent: "echo", origin: "rule", priority: "high", metadata: { team: "a" }, placement: "direct", state: "placed" },
  );
  const [match] = await listRuleMatches(test.database, 10);
  assert.deepEqual([match?.name, match?.room, match?.dispatchId], ["calls", "support-1", view?.id]);
  const stored = await test.database
    .sql`select rule_id, actor from dispatches d join transitions t on t.dispatch_id = d.id`;
  assert.ok(stored.every((row) => row.rule_id === match?.ruleId && row.actor === "rule:calls"));
});

Deno.test("However often and from however many instances a rule is told of a room, one dispatch comes of it", async () => {
  const instances = [instance(), instance(), instance()];
  const [first] = instances as [Instance];
  await addRule(first, {});
  const begun = room("support-1");
  for (const { rooms } of instances) rooms.set(begun, []);
  await Promise.all(instances.flatMap(({ runner }) => [
    ...Array.from({ length: 10 }, () => runner.act(happeningOfRoom(begun))),
    runner.pollOnce(),
  ]));
  const [row] = await test.database.sql`select count(*)::int as count from dispatches`;
  assert.equal(row?.count, 1);
  assert.equal(await first.runner.pollOnce(), 0);
});

Deno.test("Two rules that want one agent in one room at the same moment, from several instances, get one", async () => {
  const instances = [instance(), instance(), instance(), instance()];
  const [first] = instances as [Instance];
  await addRule(first, { name: "one" });
  await addRule(first, { name: "two", roomPattern: "*-1" });
  const begun = room("support-1");
  const outcomes = (await Promise.all(instances.map(({ runner }) => runner.act(happeningOfRoom(begun))))).flat();
  assert.equal(outcomes.filter((outcome) => outcome === "placed").length, 1, outcomes.join());
  const [row] = await test.database.sql`select count(*)::int as count from dispatches`;
  assert.equal(row?.count, 1);
  const matches = await listRuleMatches(test.database, 10);
  assert.equal(new Set(matches.map(({ dispatchId }) => dispatchId)).size, 1);
});

Deno.test("The next life of a room is served again", async () => {
  const here = instance();
  await addRule(here, {});
  assert.deepEqual(await here.runner.act(happeningOfRoom(room("support-1"))), ["placed"]);
  await test.database.sql`delete from dispatches`;
  assert.deepEqual(await here.runner.act(happeningOfRoom(room("support-1"))), ["placed"]);
});

Deno.test("A poll serves what no webhook told of, but only what began after the rule", async () => {
  const here = instance();
  const before = room("support-old", -60_000);
  await addRule(here, {});
  await addRule(here, { name: "people", agent: "helper", event: "participant_joined", roomPattern: "*" });
  here.rooms.set(before, []);
  here.rooms.set(room("support-1"), [participant("ann"), participant("agent-1", ParticipantInfo_Kind.AGENT)]);
  assert.equal(await here.runner.pollOnce(), 2);
  assert.deepEqual(asked(here).map((view) => [view.agent, view.room]).sort(), [["echo", "support-1"], [
    "helper",
    "support-1",
  ]]);
  const [job] = here.jobs.plans.filter(({ agent }) => agent === "helper");
  assert.ok(job);
  assert.equal(await here.runner.pollOnce(), 0);
});

Deno.test("A participant agent comes for each participant of the kind and attributes, a room agent once", async () => {
  const here = instance();
  const fields = { event: "participant_joined", roomPattern: "*" };
  await addRule(here, {
    ...fields,
    name: "each",
    agent: "helper",
    participantKind: "sip",
    participantAttributes: { vip: "1" },
  });
  await addRule(here, { ...fields, name: "room" });
  const begun = room("lobby");
  const { SIP, STANDARD, EGRESS } = ParticipantInfo_Kind;
  const joins = (who: ParticipantInfo) => here.runner.act(happeningOfParticipant(begun, who));
  assert.deepEqual(await joins(participant("ann", SIP, { vip: "1" })), ["placed", "placed"]);
  assert.deepEqual(await joins(participant("bob", SIP, { vip: "1" })), ["placed", "there"]);
  assert.deepEqual(await joins(participant("cid", SIP)), ["there"]);
  assert.deepEqual(await joins(participant("dan", STANDARD, { vip: "1" })), ["there"]);
  assert.deepEqual(await joins(participant("rec", EGRESS)), []);
  const rows = await test.database.sql`select participant_identity as who from dispatches order by created_at, id`;
  assert.deepEqual(rows.map(({ who }) => who).sort(), ["ann", "bob", null]);
});

Deno.test("A room that began with the rule's agent gets no second one, not when that one has ended either", async () => {
  const here = instance();
  await addRule(here, {});
  await here.dispatcher.request({ agent: "echo", room: "support-1" }, REQUESTER, NO_WAIT);
  const begun = room("support-1", 0);
  assert.deepEqual(await here.runner.act(happeningOfRoom(begun)), ["there"]);
  await test.database.sql`delete from dispatches`;
  assert.deepEqual(await here.runner.act(happeningOfRoom(begun)), ["done"]);
});

Deno.test("While the agent of the room's earlier life has not ended the rule waits, unless that agent is in the room", async () => {
  const here = instance();
  await addRule(here, {});
  await here.dispatcher.request({ agent: "echo", room: "support-1" }, REQUESTER, NO_WAIT);
  await test.database.sql`update jobs set connected_at = now() - interval '1 hour'`;
  const begun = room("support-1");
  here.rooms.set(begun, []);
  assert.deepEqual(await here.runner.act(happeningOfRoom(begun)), ["later"]);
  const [job] = await test.database.sql`select participant_identity as identity from jobs`;
  here.rooms.set(begun, [participant(String(job?.identity), ParticipantInfo_Kind.AGENT)]);
  assert.deepEqual(await here.runner.act(happeningOfRoom(begun)), ["there"]);

  const again = room("support-1");
  here.rooms.clear();
  here.rooms.set(again, []);
  assert.deepEqual(await here.runner.act(happeningOfRoom(again)), ["later"]);
  await test.database.sql`delete from dispatches`;
  assert.equal(await here.runner.pollOnce(), 1);
});

Deno.test("A disabled or deleted rule does nothing, also where it is still remembered", async () => {
  const [here, elsewhere] = [instance(), instance()];
  const id = await addRule(here, {});
  assert.equal((await elsewhere.book.enabled()).length, 1);
  const changed = await here.book.change(id, { isEnabled: false });
  assert.ok(changed.ok && !changed.rule.isEnabled && changed.rule.roomPattern === "support-*");
  assert.deepEqual(await here.runner.act(happeningOfRoom(room("support-1"))), []);
  assert.deepEqual(await elsewhere.runner.act(happeningOfRoom(room("support-1"))), ["done"]);
  assert.ok((await here.book.remove(id)).ok);
  assert.deepEqual(await elsewhere.runner.act(happeningOfRoom(room("support-2"))), ["done"]);
  const [row] = await test.database.sql`select count(*)::int as count from dispatches`;
  assert.equal(row?.count, 0);
});

Deno.test("Rules that could never work are refused, with what is wrong and the nearest names", async () => {
  const { book } = instance();
  const create = async (fields: Record<string, unknown>) => {
    const request = { name: "rule", agent: "echo", event: "room_started", roomPattern: "*", ...fields };
    const result = await book.create(ruleRequestSchema.parse(request), "rest:test");
    return result.ok ? null : result.refusal;
  };
  assert.deepEqual(await create({ agent: "ecko" }), { code: "unknown_agent", agent: "ecko", nearest: ["echo"] });
  for (const agent of ["helper", "everywhere"]) assert.deepEqual((await create({ agent }))?.code, "unfit_rule");
  assert.deepEqual((await create({ participantKind: "sip" }))?.code, "unfit_rule");
  assert.deepEqual((await create({ metadata: { text: "x".repeat(2_000) } }))?.code, "metadata_too_large");
  assert.equal(await create({}), null);
  assert.deepEqual(await create({}), { code: "name_taken", name: "rule" });
  assert.equal(await create({ name: "other" }), null);
  const [, other] = await book.list();
  const renamed = await book.change(other?.id ?? "", { name: "rule" });
  assert.deepEqual(renamed, { ok: false, refusal: { code: "name_taken", name: "rule" } });
});

Deno.test("A rule whose agent is refused for now acts when it can", async () => {
  const agents = [agentEntry("echo")];
  const here = instance(agents);
  await addRule(here, {});
  const begun = room("support-1");
  here.rooms.set(begun, []);
  const [echo] = agents.splice(0) as [ReturnType<typeof agentEntry>];
  assert.deepEqual(await here.runner.act(happeningOfRoom(begun)), ["later"]);
  agents.push(echo);
  assert.equal(await here.runner.pollOnce(), 1);
});

Deno.test("Old matches are forgotten, but not those of rooms that live on", async () => {
  const here = instance();
  await addRule(here, {});
  const [gone, lasting] = [room("support-1"), room("support-2")];
  for (const each of [gone, lasting]) await here.runner.act(happeningOfRoom(each));
  await test.database.sql`update rule_matches set at = now() - interval '2 days'`;
  const limits = { keepMs: 86_400_000, limit: 10 };
  assert.equal(await pruneRuleMatches(test.database, { ...limits, liveRoomSids: [lasting.sid] }), 1);
  assert.deepEqual((await listRuleMatches(test.database, 10)).map((match) => match.room), ["support-2"]);
});
