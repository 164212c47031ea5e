import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

const STAGES = ["requestedAt", "assignedAt", "enteredAt", "connectedAt", "readyAt"];

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start();
  await greenroom.logged("registered with LiveKit");
});
Deno.test.afterAll(() => greenroom?.stop());

Deno.test("POST /dispatches answers 201 with the agent ready, when asked to wait for ready", async () => {
  const { status, body, headers } = await greenroom.dispatch({ agent: "echo", room: "direct" });
  assert.equal(status, 201, JSON.stringify(body));
  assert.equal(headers.get("location"), `/api/v1/dispatches/${body.id}`);
  assert.equal(body.state, "running");
  for (const stage of STAGES) assert.ok(body.stages[stage], stage);
  assert.deepEqual(await greenroom.get(`/api/v1/dispatches/${body.id}`), body);
});

for (const placement of ["direct", "livekit"]) {
  Deno.test(`the echo agent answers a human's tone and message, when placed ${placement}`, async () => {
    const room = `echo-${placement}`;
    await using human = await greenroom.human(room);
    const { status, body } = await greenroom.dispatch({ agent: "echo", room, placement });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.placement, placement);
    const { participantIdentity } = body.jobs[0];
    assert.equal((await human.sees("agent-")).identity, participantIdentity);
    const { identity, attributes } = await human.seesAttribute("greenroom.ready");
    assert.equal(identity, participantIdentity);
    assert.equal(attributes["greenroom.dispatch"], body.id);

    await human.playTone(440);
    assert.equal((await human.hearsTone(440)).from, participantIdentity);

    await human.sendData("chat", "hello");
    const { from, text } = await human.nextData("chat");
    assert.deepEqual({ from, text }, { from: participantIdentity, text: "hello" });
  });
}

Deno.test("a dispatch placed by LiveKit keeps LiveKit's job id and its worker, and is seen in LiveKit's list", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "livekit-ids", placement: "livekit" });
  const [job] = body.jobs;
  assert.match(job.livekitJobId, /^AJ_/);
  const { items } = await greenroom.get("/api/v1/workers");
  assert.deepEqual(items.map((worker: { id: string }) => worker.id), [job.workerId]);
  const { api } = await greenroom.livekit();
  const listed = await eventually(async () => {
    const ours = (await api.listDispatches("livekit-ids")).find(({ agentName }) => agentName === "echo");
    return ours?.state?.jobs[0];
  }, { what: "the job in LiveKit's list" });
  assert.equal(listed.id, job.livekitJobId);
});

Deno.test("a dispatch that somebody else creates at LiveKit runs, and is recorded with origin livekit", async () => {
  const { api } = await greenroom.livekit();
  await api.createDispatch({ agentName: "echo", room: "foreign", metadata: '{"caller":"+49"}' });
  const dispatch = await eventually(async () => {
    const { items: [found] } = await greenroom.get("/api/v1/dispatches?room=foreign");
    return found?.stages.readyAt ? found : null;
  }, { what: "the foreign dispatch, ready" });
  assert.equal(dispatch.origin, "livekit");
  assert.equal(dispatch.placement, "livekit");
  assert.equal(dispatch.state, "running");
  assert.equal(dispatch.metadata, '{"caller":"+49"}');
  assert.match(dispatch.jobs[0].livekitJobId, /^AJ_/);
});

Deno.test("ten dispatches at once all get ready, each in its own room and process", async () => {
  const rooms = Array.from({ length: 10 }, (_, i) => `burst-${i}`);
  const answers = await Promise.all(rooms.map((room) => greenroom.dispatch({ agent: "echo", room })));
  assert.deepEqual(answers.map(({ status }) => status), rooms.map(() => 201));
  assert.deepEqual(answers.map(({ body }) => body.room), rooms);
  assert.equal(new Set(answers.map(({ body }) => body.jobs[0].pid)).size, 10);
  await Promise.all(answers.map(({ body }) => greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`)));
  await Promise.all(answers.map(({ body }) => greenroom.dispatchIn(["cancelled"], body.id)));
});
