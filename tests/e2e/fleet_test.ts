/** A fleet: several instances on one database and one LiveKit server, of which each speaks for all. */
import assert from "node:assert/strict";
import { EventReader, type ReadEvent } from "../support/event_reader.ts";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import type { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

const UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057";

let livekit: TestLivekit;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
});
Deno.test.afterAll(() => livekit?.stop());

async function idOf(greenroom: Greenroom): Promise<string> {
  const answer = await greenroom.get("/api/v1/instances");
  if (!answer.items) throw new Error(JSON.stringify(answer));
  return answer.items.find(({ isThisOne }: { isThisOne: boolean }) => isThisOne).id;
}

for (const notify of ["1", "0"]) {
  Deno.test(`Each instance cancels, cordons and drains for the others (GREENROOM_NOTIFY=${notify})`, async () => {
    const member = { agents: ["echo"], env: { GREENROOM_NOTIFY: notify } };
    await using started = await startFleet(livekit, [member, member]);
    const [here, there] = started.fleet as [Greenroom, Greenroom];
    const [ownId, otherId] = [await idOf(here), await idOf(there)];

    // A job over there, cancelled from here.
    const { body: call } = await there.dispatch({ agent: "echo", room: "call" });
    assert.equal(call.jobs[0].instanceId, otherId);
    const cancelled = await here.call("DELETE", `/api/v1/dispatches/${call.id}`);
    assert.ok([200, 202].includes(cancelled.status), JSON.stringify(cancelled.body));
    const ended = await here.dispatchIn(["cancelled"], call.id);
    assert.equal(ended.jobs[0].endReason, "cancelled");
    assert.equal((await here.call("DELETE", `/api/v1/dispatches/${call.id}`)).status, 200);
    const { body: second } = await there.dispatch({ agent: "echo", room: "call-2" });
    const { status: answered } = await here.call("POST", `/api/v1/jobs/${second.jobs[0].id}/cancel`);
    assert.ok([200, 202].includes(answered));
    await there.dispatchIn(["cancelled"], second.id);

    // Cordoned from here: what is asked for there waits, and runs here.
    const act = (kind: string, body?: unknown) => here.call("POST", `/api/v1/instances/${otherId}/${kind}`, body);
    const cordoned = await act("cordon");
    assert.deepEqual([cordoned.status, cordoned.body.id, cordoned.body.isThisOne], [202, otherId, false]);
    assert.notEqual(cordoned.body.cordonedAt, null);
    const { status, body: moved } = await there.dispatch({ agent: "echo", room: "moved" });
    assert.deepEqual([status, moved.jobs[0].instanceId], [201, ownId]);
    assert.equal((await act("uncordon")).body.cordonedAt, null);

    // Drained from here: its call goes on, and what comes is taken here.
    const { body: kept } = await there.dispatch({ agent: "echo", room: "kept" });
    assert.equal(kept.jobs[0].instanceId, otherId);
    const drained = await act("drain", { deadlineMs: 3_600_000 });
    assert.deepEqual([drained.status, drained.body.state], [202, "draining"]);
    assert.deepEqual(drained.body.drain.left.map(({ room }: { room: string }) => room), ["kept"]);
    const { body: other } = await there.dispatch({ agent: "echo", room: "other" });
    assert.equal(other.jobs[0].instanceId, ownId);
    const still = await here.get(`/api/v1/dispatches/${kept.id}`);
    assert.deepEqual([still.state, still.jobs.length], ["running", 1]);

    // Who is not there, or does not answer.
    const nowhere = await here.call("POST", `/api/v1/instances/${UNKNOWN}/drain`, {});
    assert.deepEqual([nowhere.status, nowhere.body.code], [404, "instance_not_found"]);
    if (notify === "0") return;
    there.signal("SIGSTOP");
    try {
      const mute = await here.call("POST", `/api/v1/instances/${otherId}/uncordon`);
      assert.deepEqual([mute.status, mute.body.code], [504, "instance_not_answering"]);
      assert.ok(mute.body.remedy.length > 10);
    } finally {
      there.signal("SIGCONT");
    }
    await eventually(async () => (await there.call("GET", "/ready")).status === 200, { what: "it goes on" });
  });
}

/** Reads events until one is as wanted. */
async function until(reader: EventReader, isWanted: (event: ReadEvent) => boolean): Promise<ReadEvent[]> {
  const seen: ReadEvent[] = [];
  while (true) {
    const event = await reader.next();
    assert.ok(event, `the stream ended after ${JSON.stringify(seen.map(({ event }) => event))}`);
    seen.push(event);
    if (isWanted(event)) return seen;
  }
}

async function follow(greenroom: Greenroom, path: string): Promise<EventReader> {
  const headers = { ...greenroom.authorization, accept: "text/event-stream" };
  const response = await fetch(greenroom.url + path, { headers });
  assert.ok(response.ok && response.body, `${response.status}`);
  return new EventReader(response.body);
}

Deno.test("Any instance takes requests for agents that only another hosts, and shows what becomes of them as it happens", async () => {
  await using started = await startFleet(livekit, [
    { agents: ["echo"], env: { GREENROOM_REGION: "west" } },
    { agents: ["talks", "echo", "choosy", "throws_at_load"], env: { GREENROOM_REGION: "east" } },
  ]);
  const [here, there] = started.fleet as [Greenroom, Greenroom];
  const otherId = await idOf(there);
  const agentHere = async (name: string) => {
    const { items } = await here.get("/api/v1/agents");
    return items.find((agent: { name: string }) => agent.name === name) ?? null;
  };
  // Until this instance has heard of the other, the agent is one that nobody hosts.
  const readyThere = async () => {
    const agent = await agentHere("talks");
    return agent?.state === "ready" && agent;
  };
  const talks = await eventually(readyThere, { what: "the other's agent" });
  assert.equal(talks.isHosted, false);
  const [on] = talks.instances;
  assert.deepEqual([on.instanceId, on.state, on.running, on.isAdmitting], [otherId, "ready", 0, true]);
  assert.ok(talks.free > 0 && on.ageMs < 10_000);
  assert.equal((await agentHere("echo")).instances.length, 2);

  // Asked here, run there, waited for here; followed here by all streams.
  await using all = await follow(here, "/api/v1/events?topics=dispatches");
  const { status, body: ready } = await here.dispatch({ agent: "talks", room: "there" });
  assert.deepEqual([status, ready.jobs[0].instanceId], [201, otherId]);
  assert.notEqual(ready.stages.readyAt, null);
  const { body } = await here.dispatch({ agent: "talks", room: "there-too" }, "");
  await using one = await follow(here, `/api/v1/dispatches/${body.id}/events`);
  const events = await until(one, ({ event }) => event === "end");
  const stages = events.filter(({ event }) => event === "stage").map(({ data }) => data.stage);
  // A stage that is reached just when the stream begins may be told twice: by what has been so far, and as it happens.
  assert.deepEqual([...new Set(stages)], ["requested", "assigned", "entered", "connected", "ready", "ended"]);
  await until(all, ({ event, data }) => event === "dispatch" && data.id === body.id && data.state === "succeeded");
  await using logs = await follow(here, `/api/v1/jobs/${ready.jobs[0].id}/logs`);
  const lines = await until(logs, ({ event }) => event === "end");
  assert.ok(lines.some(({ data }) => data.message === "fourth"), "its output is read here");

  // Begun and ended there: heard here.
  const { body: direct } = await there.dispatch({ agent: "echo", room: "direct" });
  await until(all, ({ event, data }) => event === "dispatch" && data.id === direct.id && data.stages.readyAt !== null);
  await there.call("DELETE", `/api/v1/dispatches/${direct.id}`);
  await until(all, ({ event, data }) => event === "dispatch" && data.id === direct.id && data.state === "cancelled");

  // A region that is served is preferred; one that is not, is no reason to wait.
  const placed = async (region: string) => {
    const { body } = await here.dispatch({ agent: "echo", room: `in-${region}`, region });
    return body.jobs[0];
  };
  const [eastern, northern] = [await placed("east"), await placed("north")];
  assert.deepEqual([eastern.instanceId, northern.instanceId], [otherId, await idOf(here)]);

  // Its workers, with what they decline, as REST and the page show them here.
  const unwanted = { agent: "choosy", room: "unwanted", metadata: "no", placement: "livekit" };
  const { body: declined } = await here.dispatch(unwanted, "");
  // deno-lint-ignore no-explicit-any
  const choosyIn = (workers: any[]) =>
    workers.find(({ agent, declines }) => agent === "choosy" && declines?.length === 1);
  const worker = await eventually(async () => choosyIn((await here.get("/api/v1/workers")).items), {
    what: "what the other's worker declined",
  });
  assert.deepEqual([worker.instanceId, worker.connection.state, worker.isStale], [otherId, "registered", false]);
  // On a busy machine it may say nothing in its 200 ms, which counts as no.
  assert.match(worker.declines[0].reason, /^the agent's accept/);
  assert.equal(worker.status, "available");
  assert.ok(worker.ageMs < 8_000 && worker.offers.declined >= worker.declines[0].count);
  const shown = choosyIn((await here.get("/workers?as=data")).workers);
  assert.deepEqual([shown.instanceId, shown.state, shown.trouble], [otherId, "registered", null]);
  await here.call("DELETE", `/api/v1/dispatches/${declined.id}`);

  // What is wrong there is a problem here.
  const { problems } = await here.get("/api/v1/overview");
  assert.ok(
    problems.some(({ code, message }: { code: string; message: string }) =>
      code === "agent_broken" && /^Agent throws_at_load does not load on \S+: /.test(message)
    ),
    JSON.stringify(problems),
  );

  // Profiles of it and of a job there, asked for here: a snapshot comes in several parts.
  const profile = (path: string) => here.call("POST", `/api/v1/${path}`);
  const heap = await profile(`jobs/${eastern.id}/profile?kind=heap`);
  assert.ok(heap.status === 200 && JSON.parse(heap.body).snapshot.meta, JSON.stringify(heap.body).slice(0, 300));
  const cpu = await profile(`instances/${otherId}/profile?kind=cpu&seconds=1`);
  assert.ok(JSON.parse(cpu.body).nodes.length > 0, JSON.stringify(cpu.body).slice(0, 300));
  assert.deepEqual((await profile(`instances/${UNKNOWN}/profile`)).status, 404);
  const isAudited = async () => {
    const { items } = await there.get("/api/v1/audit");
    return items.some((row: { action: string; target: string }) =>
      row.action === "job.profile" && row.target === eastern.id
    );
  };
  await eventually(isAudited, { what: "the profile in the audit log" });

  // A name that no instance knows, and one that nobody hosts any more.
  const unknown = await here.dispatch({ agent: "talkz", room: "nobody" });
  assert.deepEqual([unknown.status, unknown.body.nearest[0]], [404, "talks"]);
  await there.stop();
  const { body: waiting } = await here.dispatch({ agent: "talks", room: "later" }, "");
  const isExplained = async () =>
    (await here.get(`/api/v1/dispatches/${waiting.id}`)).waitingReason === "agent_not_hosted";
  await eventually(isExplained, { withinMs: 20_000, what: "why it waits" });
  assert.deepEqual([(await agentHere("talks")).state, (await agentHere("talks")).instances], ["not_hosted", []]);
});

Deno.test("A drain moves nothing that runs and loses nothing that waits: the others take it in its order", async () => {
  const member = { agents: ["echo"], env: { MAX_CONCURRENT_JOBS: "1", GREENROOM_WARM_SLOTS: "1" } };
  await using started = await startFleet(livekit, [member, member, member]);
  const [first, second, third] = started.fleet as [Greenroom, Greenroom, Greenroom];
  const running = [];
  for (const greenroom of [first, second, third]) {
    running.push((await greenroom.dispatch({ agent: "echo", room: `running-${running.length}` })).body);
  }
  const waiting: { id: string }[] = [];
  for (let i = 0; i < 2; i++) waiting.push((await third.dispatch({ agent: "echo", room: `waiting-${i}` }, "")).body);
  const thirdId = await idOf(third);
  assert.equal((await first.call("POST", `/api/v1/instances/${thirdId}/drain`, {})).status, 202);

  // Slots that come free elsewhere take what waits, the oldest first.
  for (const [index, dispatch] of waiting.entries()) {
    await third.call("DELETE", `/api/v1/dispatches/${running[index].id}`);
    const { jobs: [job] } = await third.dispatchIn(["running"], dispatch.id);
    assert.equal(job.instanceId, running[index].jobs[0].instanceId);
  }
  const kept = await first.get(`/api/v1/dispatches/${running[2].id}`);
  assert.deepEqual([kept.state, kept.jobs.length, kept.jobs[0].instanceId], ["running", 1, thirdId]);
  const { items } = await first.get("/api/v1/dispatches?limit=50");
  assert.deepEqual(new Set(items.map(({ jobs }: { jobs: unknown[] }) => jobs.length)), new Set([1]));
});
