/** Room, participant and publisher jobs, placed by us and by LiveKit; automatic agents; hooks in the agents' hosts. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({ agents: ["echo", "for_one", "for_publisher", "hooked", "in_every_room"] });
});
Deno.test.afterAll(() => greenroom?.stop());

interface JobOfRoom {
  id: string;
  dispatchId: string;
  agent: string;
  state: string;
  participant: string | null;
  endReason: string | null;
  participantIdentity: string;
}

async function jobsIn(room: string, agent: string): Promise<JobOfRoom[]> {
  const { items } = await greenroom.get(`/api/v1/jobs?room=${room}&agent=${agent}`);
  return items;
}

function running(jobs: JobOfRoom[]): JobOfRoom[] {
  return jobs.filter(({ state }) => state === "running");
}

Deno.test("a participant agent placed directly needs the participant, waits for it, and ends when it leaves", async () => {
  const refused = await greenroom.dispatch({ agent: "for_one", room: "direct" });
  assert.deepEqual([refused.status, refused.body.code], [422, "invalid_participant"]);
  assert.equal(refused.body.errors[0].path, "participantIdentity");
  const unused = await greenroom.dispatch({ agent: "echo", room: "direct", participantIdentity: "ada" });
  assert.equal(unused.body.code, "invalid_participant");
  const { status, body } = await greenroom.dispatch({ agent: "for_one", room: "direct", participantIdentity: "ada" });
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual([body.participantIdentity, body.jobs[0].participant], ["ada", "ada"]);
  await using other = await greenroom.human("direct", "other");
  const ada = await greenroom.human("direct", "ada");
  const hello = JSON.parse((await ada.nextData("hello")).text);
  assert.deepEqual([hello.identity, hello.type, hello.participant], ["ada", "participant", "ada"]);
  assert.equal(hello.participantIdentity, `for-ada-${body.jobs[0].id}`);
  await ada.leave();
  const [job] = await eventually(async () => {
    const jobs = await jobsIn("direct", "for_one");
    return jobs[0]?.state === "succeeded" ? jobs : null;
  });
  assert.equal(job?.endReason, "participant_left");
  assert.ok(other);
});

Deno.test("LiveKit starts a job for each participant of one dispatch, which ends with its room", async () => {
  const room = "each";
  await using ada = await greenroom.human(room, "ada");
  const placed = await greenroom.dispatch({ agent: "for_one", room, placement: "livekit" }, "wait=ready");
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const { id } = placed.body;
  await ada.nextData("hello");
  const bob = await greenroom.human(room, "bob");
  await bob.nextData("hello");
  const jobs = await jobsIn(room, "for_one");
  assert.deepEqual(jobs.map(({ dispatchId, participant }) => [dispatchId, participant]).sort(), [
    [id, "ada"],
    [id, "bob"],
  ]);
  await bob.leave();
  await eventually(async () => running(await jobsIn(room, "for_one")).length === 1, { what: "bob's job has ended" });
  assert.equal((await greenroom.get(`/api/v1/dispatches/${id}`)).state, "running");
  await using again = await greenroom.human(room, "bob");
  await again.nextData("hello");
  await (await greenroom.livekit()).api.deleteRoom(room);
  const ended = await eventually(async () => {
    const dispatch = await greenroom.get(`/api/v1/dispatches/${id}`);
    return dispatch.state === "succeeded" ? dispatch : null;
  }, { withinMs: 30_000, what: "the dispatch ends with its room" });
  assert.equal(ended.jobs.length, 3);
});

Deno.test("a dispatch of a publisher agent waits until somebody publishes; cancelling it deletes LiveKit's", async () => {
  const room = "publish";
  await using ada = await greenroom.human(room, "ada");
  const asked = await greenroom.dispatch({ agent: "for_publisher", room, placement: "livekit" }, "wait=none");
  const { id } = asked.body;
  await eventually(async () =>
    (await greenroom.get(`/api/v1/dispatches/${id}`)).waitingReason === "waiting_for_participant"
  );
  assert.deepEqual(await jobsIn(room, "for_publisher"), []);
  await ada.playTone(440);
  const [job] = await eventually(async () => {
    const jobs = running(await jobsIn(room, "for_publisher"));
    return jobs.length > 0 ? jobs : null;
  });
  assert.deepEqual([job?.dispatchId, job?.participant], [id, "ada"]);
  const { status } = await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
  assert.equal(status, 202);
  await eventually(async () => (await greenroom.get(`/api/v1/dispatches/${id}`)).state === "cancelled", {
    withinMs: 30_000,
    what: "the dispatch is cancelled",
  });
  const left = await (await greenroom.livekit()).api.listDispatches(room);
  assert.deepEqual(left.filter(({ agentName }) => agentName === "for_publisher"), []);
});

Deno.test("an automatic agent comes into a new room by itself, as its function presents it", async () => {
  const room = "fresh";
  await using guest = await greenroom.human(room, "guest");
  const [job] = await eventually(async () => {
    const jobs = running(await jobsIn(room, "in_every_room"));
    return jobs.length > 0 ? jobs : null;
  }, { withinMs: 30_000 });
  const { origin } = await greenroom.get(`/api/v1/dispatches/${job?.dispatchId}`);
  assert.equal(origin, "livekit");
  const { api } = await greenroom.livekit();
  const agent = await eventually(() => api.findParticipant(room, job?.participantIdentity ?? ""), {
    what: "the agent is in the room",
  });
  assert.deepEqual([agent.name, agent.attributes.room], [`for ${room}`, room]);
  assert.ok(guest);
});

Deno.test("an agent's accept decides whether it takes an offer; one that loops delays nobody, and answers again after", async () => {
  const { api } = await greenroom.livekit();
  for (const room of ["loops", "unwanted"]) {
    await api.createRoom(room);
    await api.createDispatch({ agentName: "hooked", room });
  }
  const declined = async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.find(({ agent }: { agent: string }) => agent === "hooked").offers.declined;
  };
  const placed = await greenroom.dispatch({ agent: "echo", room: "beside", placement: "livekit" }, "wait=ready");
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  await eventually(async () => await declined() === 2, { what: "both offers are declined" });
  await eventually(async () => {
    const { status } = await greenroom.dispatch(
      { agent: "hooked", room: "wanted", placement: "livekit" },
      "wait=ready",
    );
    return status === 201;
  }, { withinMs: 40_000, what: "its host is back and accepts" });
  for (const room of ["loops", "unwanted"]) assert.deepEqual(await jobsIn(room, "hooked"), []);
});
