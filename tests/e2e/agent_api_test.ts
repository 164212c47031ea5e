/** What an agent's author can do with ctx, in real processes and rooms: toolbox.ts does what the tests tell it. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import type { RoomParticipant } from "../support/room_participant.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["toolbox", "hushed"],
    env: { GREENROOM_MAX_CHECKPOINT_BYTES: "10000" },
  });
});
Deno.test.afterAll(() => greenroom?.stop());

interface Toolbox {
  guest: RoomParticipant;
  dispatchId: string;
  jobId: string;
  identity: string;
  room: string;
  // deno-lint-ignore no-explicit-any
  ask(call: string, ...args: unknown[]): Promise<any>;
}

let lastId = 0;

/** A toolbox job in this room, driven by `guest`. */
async function toolbox(room: string, guest: RoomParticipant): Promise<Toolbox> {
  const { status, body } = await greenroom.dispatch({ agent: "toolbox", room }, "wait=ready");
  assert.equal(status, 201, JSON.stringify(body));
  const [job] = body.jobs;
  const ask = async (call: string, ...args: unknown[]) => {
    const id = ++lastId;
    await guest.sendData("do", JSON.stringify({ id, to: job.id, call, args }));
    for (;;) {
      const answer = JSON.parse((await guest.nextData("did")).text);
      if (answer.id === id) return "code" in answer ? { code: answer.code } : answer.value;
    }
  };
  return { guest, room, dispatchId: body.id, jobId: job.id, identity: job.participantIdentity, ask };
}

async function logLines(jobId: string): Promise<string[]> {
  const { items } = await greenroom.get(`/api/v1/jobs/${jobId}/logs?limit=200`);
  return items.map(({ message }: { message: string }) => message);
}

Deno.test("an agent has the identity, name and attributes that it gives itself, and knows its job", async () => {
  await using guest = await greenroom.human("presents");
  const { ask, identity, jobId, dispatchId } = await toolbox("presents", guest);
  assert.equal(identity, `toolbox-presents-${jobId}`);
  const self = await ask("get", identity);
  assert.deepEqual([self.name, self.kind, self.attributes.kind], ["Toolbox", "agent", "tool"]);
  assert.deepEqual(await ask("job"), {
    ...{ id: jobId, dispatchId, attempt: 1, agent: "toolbox", room: "presents" },
    ...{ participantIdentity: identity, type: "room", participant: null },
  });
});

Deno.test("an agent that may neither send data nor change itself is announced as ready all the same", async () => {
  await using guest = await greenroom.human("hushed");
  const { body } = await greenroom.dispatch({ agent: "hushed", room: "hushed" });
  const { identity, attributes } = await guest.seesAttribute("greenroom.ready");
  assert.deepEqual([identity, attributes["greenroom.dispatch"]], [body.jobs[0].participantIdentity, body.id]);
  const { text } = await guest.nextData("greenroom.ready");
  assert.deepEqual(JSON.parse(text), { dispatchId: body.id, jobId: body.jobs[0].id, attempt: 1 });
});

Deno.test("ctx.api lists, reads, changes and removes participants and writes the room's metadata, of its own room only", async () => {
  await using guest = await greenroom.human("calls", "guest");
  await using other = await greenroom.human("calls", "other");
  await using elsewhere = await greenroom.human("elsewhere", "stranger");
  const { ask, identity } = await toolbox("calls", guest);
  assert.deepEqual((await ask("list")).sort(), ["guest", "other", identity].sort());
  assert.equal(await ask("get", "stranger"), null);
  assert.equal(await ask("remove", "stranger"), false);
  const changed = await ask("update", "other", { name: "Other", attributes: { mood: "fine" } });
  assert.deepEqual([changed.name, changed.attributes.mood], ["Other", "fine"]);
  assert.equal(await ask("roomMetadata", "about calls"), true);
  const [room] = await (await greenroom.livekit()).api.listRooms(["calls"]);
  assert.equal(room?.metadata, "about calls");
  await ask("send", "note", "from the server", ["other"]);
  assert.equal((await other.nextData("note")).text, "from the server");
  assert.equal((await ask("mute", "other", "TR_none")).code, "not_found");
  await other.playTone(440);
  const trackOf = async () => (await ask("get", "other")).tracks[0];
  const track = await eventually(trackOf, { what: "the other's track" });
  assert.deepEqual([track.kind, track.isMuted], ["audio", false]);
  await ask("mute", "other", track.sid);
  assert.equal((await trackOf()).isMuted, true);
  assert.equal(await ask("remove", "other"), true);
  assert.ok(elsewhere);
});

Deno.test("a checkpoint is stored in versions, bounded in size, and a new job of another dispatch does not see it", async () => {
  await using guest = await greenroom.human("saves");
  const first = await toolbox("saves", guest);
  assert.equal(await first.ask("load"), null);
  assert.equal(await first.ask("save", { turn: 1 }), 1);
  assert.equal(await first.ask("save", { turn: 2, text: "ä\\u0000" }), 2);
  assert.deepEqual(await first.ask("load"), { turn: 2, text: "ä\\u0000" });
  assert.equal((await first.ask("saveLarge", 20_000)).code, "too_large");
  assert.equal((await first.ask("save", "\0")).code, "invalid");
  const second = await toolbox("saves", guest);
  assert.equal(await second.ask("load"), null);
});

Deno.test("two jobs of a room hear each other, one of them leads, and the other one when the first has ended", async () => {
  await using guest = await greenroom.human("together");
  const [first, second] = [await toolbox("together", guest), await toolbox("together", guest)];
  await second.ask("subscribe", "turn", "room");
  assert.equal(await first.ask("publish", "turn", { n: 1 }, "room"), 1);
  // It may come before or after the publisher's answer.
  const heard = await eventually(() => guest.events.find((each) => each.event === "data" && each.topic === "heard"));
  assert.deepEqual(JSON.parse(heard.event === "data" ? heard.text : ""), {
    data: { n: 1 },
    from: first.jobId,
    to: second.jobId,
  });
  assert.deepEqual([await first.ask("elect", "mixer"), await second.ask("elect", "mixer")], [true, false]);
  await first.ask("end");
  await eventually(() => second.ask("leads", "mixer"), { what: "the second job leads" });
});

Deno.test("an entry runs for each participant until that one leaves; its error is logged and ends nothing else", async () => {
  await using guest = await greenroom.human("each", "guest");
  const { jobId, ask } = await toolbox("each", guest);
  const trouble = await greenroom.human("each", "trouble");
  await eventually(async () => (await logLines(jobId)).includes("The entry of a participant failed"));
  await trouble.leave();
  await eventually(async () => (await logLines(jobId)).includes("gone: trouble"), { what: "the signal has aborted" });
  assert.equal((await ask("job")).id, jobId);
  const lines = await logLines(jobId);
  assert.ok(lines.includes("middleware before") && lines.includes("entry for guest"));
});

Deno.test("progress is kept and streamed, and the author's metrics are shown with the agent's name", async () => {
  await using guest = await greenroom.human("counts");
  const { ask, jobId, dispatchId } = await toolbox("counts", guest);
  await ask("progress", { step: 3 });
  await ask("count", "turns", 2, { language: "de" });
  await ask("gauge", "backlog", 7);
  await eventually(async () => (await greenroom.get(`/api/v1/jobs/${jobId}`)).progress?.step === 3);
  const metrics = () => greenroom.call("GET", "/metrics").then(({ body }) => body as string);
  const shown = async () => {
    const text = await metrics();
    return /^greenroom_agent_backlog\{agent="toolbox"\} 7$/m.test(text) ? text : null;
  };
  assert.match(await eventually(shown), /^greenroom_agent_turns\{language="de",agent="toolbox"\} 2$/m);
  await greenroom.call("DELETE", `/api/v1/dispatches/${dispatchId}`);
  await eventually(async () => !/greenroom_agent_backlog\{/.test(await metrics()), { what: "the gauge is gone" });
});

Deno.test("a job that stops giving heartbeats fails as unresponsive", async () => {
  await using guest = await greenroom.human("beats");
  const { ask, jobId } = await toolbox("beats", guest);
  await ask("beat");
  const job = await eventually(async () => {
    const found = await greenroom.get(`/api/v1/jobs/${jobId}`);
    return found.state === "failed" && found;
  });
  assert.deepEqual([job.endReason, job.failure.kind], ["heartbeat_missed", "unresponsive"]);
  assert.match(job.failure.message, /no heartbeat for 0\.4 s/);
});

Deno.test("deleteRoom closes the room, and the job ends with it", async () => {
  await using guest = await greenroom.human("closes");
  const { guest: asker, jobId } = await toolbox("closes", guest);
  await asker.sendData("do", JSON.stringify({ id: ++lastId, to: jobId, call: "deleteRoom", args: [] }));
  const job = await eventually(async () => {
    const found = await greenroom.get(`/api/v1/jobs/${jobId}`);
    return found.state === "succeeded" && found;
  });
  assert.equal(job.endReason, "room_closed");
  assert.deepEqual(await (await greenroom.livekit()).api.listRooms(["closes"]), []);
});
