/** What LiveKit has to give in a fleet, and what becomes of it when the one that was asked to take it does not. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { startFleet } from "../support/fleet.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

let livekit: TestLivekit;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
});
Deno.test.afterAll(() => livekit?.stop());

async function registered(greenroom: Greenroom, agent: string): Promise<void> {
  await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.some((worker: { agent: string; connection: { state: string } }) =>
      worker.agent === agent && worker.connection.state === "registered"
    );
  }, { what: `a worker of ${agent}` });
}

Deno.test("a call that LiveKit gives to another instance is followed here and goes on; what it can't give waits in our queue", async () => {
  await using started = await startFleet(livekit, [
    { agents: ["says"], env: { GREENROOM_LIVEKIT_ASSIGN_TIMEOUT_MS: "1000" } },
    { agents: ["echo"], env: { MAX_CONCURRENT_JOBS: "1" } },
  ]);
  const [here, there] = started.fleet as [Greenroom, Greenroom];
  await registered(there, "echo");
  const { status, body } = await here.dispatch({ agent: "echo", room: "far", placement: "livekit" }, "wait=ready");
  assert.deepEqual([status, body.state, body.placement], [201, "running", "livekit"], JSON.stringify(body));
  // Asked later, and over later than LiveKit's time for the first.
  const late = await here.dispatch({ agent: "echo", room: "late", deadlineMs: 2_000 }, "wait=done");
  assert.equal(late.body.dispatch?.state ?? late.body.state, "expired");
  const { state, jobs } = await there.get(`/api/v1/dispatches/${body.id}`);
  assert.deepEqual([state, jobs.length], ["running", 1]);
  const { api } = await there.livekit();
  const records = async (room: string) =>
    (await api.listDispatches(room)).filter(({ agentName }) => agentName === "echo");
  assert.equal((await records("far")).length, 1);

  await eventually(async () => {
    const { items } = await here.get("/api/v1/agents");
    return items.find(({ name }: { name: string }) => name === "echo").free === 0;
  }, { what: "it is known here that there is no room" });
  const { body: second } = await here.dispatch({ agent: "echo", room: "second", placement: "livekit" }, "wait=none");
  const waiting = await eventually(async () => {
    const dispatch = await here.get(`/api/v1/dispatches/${second.id}`);
    return dispatch.placement === "direct" ? dispatch : null;
  }, { what: "it waits in our queue" });
  assert.deepEqual([waiting.state, waiting.waitingReason], ["queued", "not_taken_by_livekit"]);
  assert.deepEqual(await records("second"), [], "LiveKit was not even asked");
  await there.call("DELETE", `/api/v1/dispatches/${body.id}`);
  const served = await here.dispatchIn(["running"], second.id);
  assert.equal(served.jobs[0].instanceId, jobs[0].instanceId);
});

Deno.test("a cancel just after its instance was killed is kept: who takes the job over ends it, and no attempt follows", async () => {
  await using started = await startFleet(livekit, [{ agents: ["echo"] }, { agents: ["echo"] }]);
  const [here, there] = started.fleet as [Greenroom, Greenroom];
  const { body } = await there.dispatch({ agent: "echo", room: "lost" });
  const identity = body.jobs[0].participantIdentity;
  await there.kill();
  const cancelled = await here.call("DELETE", `/api/v1/dispatches/${body.id}`);
  assert.ok([200, 202].includes(cancelled.status), JSON.stringify(cancelled.body));
  const ended = await here.dispatchIn(["cancelled"], body.id);
  assert.deepEqual(ended.jobs.map(({ state, flags }: { state: string; flags: string[] }) => [state, flags]), [
    ["cancelled", ["cancel_requested"]],
  ]);
  const { api } = await here.livekit();
  await eventually(async () => await api.findParticipant("lost", identity) === null, { what: "its agent is gone" });
});

Deno.test("whom LiveKit finds no worker for waits in our queue, is served when a slot is free, and never when it has left", async () => {
  await using greenroom = await Greenroom.start({
    agents: ["for_one"],
    livekit,
    env: { MAX_CONCURRENT_JOBS: "1" },
  });
  await registered(greenroom, "for_one");
  const room = "busy";
  const first = await greenroom.human(room, "first");
  const placed = await greenroom.dispatch({ agent: "for_one", room, placement: "livekit" }, "wait=ready");
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  await using second = await greenroom.human(room, "second");
  const third = await greenroom.human(room, "third");
  const of = async (identity: string) => {
    const { items } = await greenroom.get(`/api/v1/dispatches?agent=for_one&room=${room}&limit=50`);
    return items.filter((each: { participantIdentity: string | null }) => each.participantIdentity === identity);
  };
  const [waiting, gone] = await eventually(async () => {
    const [ofSecond, ofThird] = [await of("second"), await of("third")];
    return ofSecond.length > 0 && ofThird.length > 0 ? [ofSecond[0], ofThird[0]] : null;
  }, { withinMs: 20_000, what: "both wait in our queue" });
  assert.deepEqual([waiting.state, waiting.origin, waiting.placement], ["queued", "livekit", "direct"]);
  const explained = await greenroom.get(`/api/v1/dispatches/${waiting.id}/explain`);
  assert.equal(explained.waiting.candidates[0].refusal, "instance_full");
  await third.leave();
  const left = await greenroom.dispatchIn(["cancelled"], gone.id);
  assert.deepEqual([left.failure?.code, left.jobs], ["nobody_waits", []]);
  await first.leave();
  const hello = JSON.parse((await second.nextData("hello", { withinMs: 20_000 })).text);
  assert.deepEqual([hello.identity, hello.participant], ["second", "second"]);
  const served = await greenroom.dispatchIn(["running"], waiting.id);
  assert.deepEqual(served.jobs.map(({ participant }: { participant: string }) => participant), ["second"]);
  await second.leave();
  await greenroom.dispatchIn(["succeeded"], waiting.id);
  assert.deepEqual([(await of("second")).length, (await of("third")).length, (await of("first")).length], [1, 1, 0]);
});
