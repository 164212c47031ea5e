/** A LiveKit server that is not ours: it hears true ends, dies, comes back, and is outlived by the calls on it. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

const RESTART_LIMIT_MS = 20_000;

let livekit: TestLivekit;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  greenroom = await Greenroom.start({
    agents: ["echo", "talks"],
    livekit,
    env: { LIVEKIT_RECONNECT_MAX_MS: "1000" },
  });
  await workersAre("registered");
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await livekit?.stop();
});

/** Waits until every worker's connection is in this state. */
// deno-lint-ignore no-explicit-any
async function workersAre(state: string): Promise<any[]> {
  return await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.length === 2 &&
        items.every((worker: { connection: { state: string } }) => worker.connection.state === state)
      ? items
      : null;
  }, { withinMs: RESTART_LIMIT_MS, what: `workers ${state}` });
}

Deno.test("LiveKit notes SUCCESS for 30 of 30 jobs that end cleanly soon after they got ready", async () => {
  const livekitJobs: string[] = [];
  for (let batch = 0; batch < 6; batch++) {
    const rooms = Array.from({ length: 5 }, (_, i) => `clean-${batch}-${i}`);
    const answers = await Promise.all(
      rooms.map((room) => greenroom.dispatch({ agent: "talks", room, placement: "livekit" }, "wait=done&waitMs=20000")),
    );
    for (const { body } of answers) {
      assert.equal(body.state, "succeeded", JSON.stringify(body));
      livekitJobs.push(body.jobs[0].livekitJobId);
    }
  }
  const notedEnds = () =>
    livekit.lines.filter((line) => line.includes('"msg":"job ended"')).map((line) => JSON.parse(line));
  const ends = await eventually(() => notedEnds().length >= 30 ? notedEnds() : null, { what: "30 noted ends" });
  assert.deepEqual(
    ends.map(({ jobID, status }) => [jobID, status]).sort(),
    livekitJobs.map((job) => [job, "JS_SUCCESS"]).sort(),
  );
});

Deno.test("deleting LiveKit's dispatch ends the job that it had placed", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "deleted", placement: "livekit" });
  const dispatches = await livekit.api.listDispatches("deleted");
  const { id } = dispatches.find(({ agentName }) => agentName === "echo") ?? { id: "" };
  await livekit.api.deleteDispatch("deleted", id);
  const { state, jobs } = await greenroom.dispatchIn(["cancelled"], body.id);
  assert.deepEqual([state, jobs[0].state, jobs[0].endReason], ["cancelled", "cancelled", "terminated_by_livekit"]);
  await greenroom.allSlotsFree();
  const isEmpty = async () => (await livekit.api.listParticipants("deleted")).length === 0;
  await eventually(isEmpty, { what: "a room without the agent" });
});

Deno.test("a call goes on after a quick restart of LiveKit: the agent comes back and echoes again, workers too", async () => {
  const room = "restart";
  await using human = await greenroom.human(room);
  const { body } = await greenroom.dispatch({ agent: "echo", room });
  const { participantIdentity } = body.jobs[0];
  await human.playTone(440);
  await human.hearsTone(440);

  await livekit.restart();
  await human.sawEvent("reconnected", { withinMs: RESTART_LIMIT_MS });
  for (const { connection } of await workersAre("registered")) {
    assert.ok(connection.lastClose.explanation.length > 0 && connection.lastClose.remedy.length > 0);
  }
  // The SDK that plays the human comes back without its track now and then, so he joins anew.
  await human.leave();
  await using again = await greenroom.human(room);
  await again.playTone(880);
  assert.equal((await again.hearsTone(880, { withinMs: RESTART_LIMIT_MS })).from, participantIdentity);
  assert.equal((await greenroom.get(`/api/v1/dispatches/${body.id}`)).state, "running");

  for (const placement of ["direct", "livekit"]) {
    const { status, body } = await greenroom.dispatch({ agent: "echo", room: `after-${placement}`, placement });
    assert.equal(status, 201, JSON.stringify(body));
  }
});

Deno.test("while LiveKit is away dispatches wait and say why, and run when it is back", async () => {
  await livekit.kill();
  for (const { connection } of await workersAre("reconnecting")) {
    assert.match(connection.lastClose.explanation, /server died or restarted/);
    assert.match(connection.lastClose.remedy, /LiveKit server runs/);
  }
  const unreachable = async () => (await greenroom.get("/health")).livekit.state === "unreachable";
  await eventually(unreachable, { what: "LiveKit seen as unreachable" });
  assert.equal((await greenroom.call("GET", "/ready")).status, 200);

  const { status, body } = await greenroom.dispatch({ agent: "echo", room: "later" }, "wait=ready&waitMs=300");
  assert.deepEqual([status, body.code, body.dispatch.state], [504, "livekit_unreachable", "queued"]);
  assert.equal(body.dispatch.waitingReason, "livekit_unreachable");
  assert.match(body.remedy, /LIVEKIT_URL/);

  await livekit.restart();
  const running = await greenroom.dispatchIn(["running"], body.dispatch.id, RESTART_LIMIT_MS);
  assert.equal(running.waitingReason, null);
  await workersAre("registered");
});
