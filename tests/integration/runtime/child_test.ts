import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { RoomServiceClient } from "livekit-server-sdk";
import { mintJobToken, mintParticipantToken } from "../../../core/livekit/tokens.ts";
import type { JobStart } from "../../../core/runtime/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestLivekit, type TestLivekit } from "../../support/livekit.ts";
import { RoomParticipant } from "../../support/room_participant.ts";
import { ChildParent } from "./child_parent.ts";

const ECHO = fileURLToPath(new URL("../../../agents/echo.ts", import.meta.url));
const PREAMBLE = `import { defineAgent } from "greenroom";\nimport { writeFileSync } from "node:fs";\n`;

let livekit: TestLivekit;
let dir: string;

Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  dir = await Deno.makeTempDir({ prefix: "greenroom-agents-" });
});

Deno.test.afterAll(async () => {
  await livekit.stop();
  await Deno.remove(dir, { recursive: true });
});

/** Writes an agent file; `entry` is the body of its entry. */
async function agentFile(entry: string, more = ""): Promise<string> {
  const file = `${dir}/agent_${crypto.randomUUID()}.ts`;
  const source =
    `${PREAMBLE}export default defineAgent({ name: "t", ${more} entry: async (ctx) => {\n${entry}\n} });\n`;
  await Deno.writeTextFile(file, source);
  return file;
}

function slot(file: string, more: Record<string, unknown> = {}): ChildParent {
  const args = {
    agentFile: file,
    jobsAtOnce: 1,
    prime: true,
    rtcLogs: false,
    connectTimeoutMs: 10_000,
    maxLogLines: 100,
  };
  return new ChildParent("slot_child.ts", { ...args, ...more });
}

async function newJob(more: Partial<JobStart> = {}): Promise<JobStart> {
  const jobId = crypto.randomUUID();
  const names = { room: `room-${jobId}`, dispatchId: crypto.randomUUID(), participantIdentity: `agent-${jobId}` };
  const { room, dispatchId, participantIdentity: identity } = { ...names, ...more };
  const token = await mintJobToken(livekit, { room, identity, agentName: "t", dispatchId, attempt: 1 });
  return {
    jobId,
    ...names,
    attempt: 1,
    agent: "t",
    url: livekit.url,
    token,
    metadata: null,
    readiness: "connected",
    shutdownGraceMs: 5_000,
    aloneTimeoutMs: 60_000,
    ...more,
  };
}

async function human(room: string, identity = "human"): Promise<RoomParticipant> {
  const token = await mintParticipantToken(livekit, { room, identity });
  return await RoomParticipant.join({ url: livekit.url, token });
}

/** Runs one job to its `finished`, then lets the child leave; gives what it reported. */
async function runToEnd(file: string, job: JobStart, during: (child: ChildParent) => Promise<void> = async () => {}) {
  await using child = slot(file);
  child.send({ type: "start", job });
  await during(child);
  const finished = await child.received("finished");
  child.send({ type: "leave", jobId: job.jobId });
  const exit = await child.exited;
  return { finished, exit, child };
}

async function identitiesIn(room: string): Promise<string[]> {
  return (await livekit.api.listParticipants(room)).map(({ identity }) => identity);
}

Deno.test("slot child reports warm, entered, connected, ready and finished in order, and leaves when told", async () => {
  await using child = slot(ECHO);
  await child.received("warm");
  child.send({ type: "ping", sequence: 7 });
  assert.equal((await child.received("pong")).sequence, 7);
  const job = await newJob();
  child.send({ type: "start", job });
  await child.received("ready");
  assert.deepEqual(await identitiesIn(job.room), [job.participantIdentity]);
  child.send({ type: "cancel", jobId: job.jobId, reason: "cancelled", graceMs: 1_000 });
  const { outcome, endReason } = await child.received("finished");
  assert.deepEqual([outcome, endReason], ["cancelled", "cancelled"]);
  assert.deepEqual(await identitiesIn(job.room), [job.participantIdentity], "still in the room until `leave`");
  child.send({ type: "leave", jobId: job.jobId });
  assert.deepEqual(await child.exited, { code: 0, signal: null });
  assert.deepEqual(child.types(), ["warm", "pong", "entered", "connected", "ready", "finished"]);
  await eventually(async () => (await identitiesIn(job.room)).length === 0, { what: "the agent has left" });
});

Deno.test("echo agent is announced as ready and gives back a tone and a message", async () => {
  const job = await newJob({ agent: "echo" });
  await using guest = await human(job.room);
  await using child = slot(ECHO);
  child.send({ type: "start", job });
  const { attributes } = await guest.seesAttribute("greenroom.ready");
  assert.equal(attributes["greenroom.dispatch"], job.dispatchId);
  assert.equal(attributes["greenroom.attempt"], "1");
  const { text } = await guest.nextData("greenroom.ready");
  assert.deepEqual(JSON.parse(text), { dispatchId: job.dispatchId, jobId: job.jobId, attempt: 1 });
  await guest.sendData("chat", "hello");
  assert.equal((await guest.nextData("chat")).text, "hello");
  await guest.playTone(440);
  assert.equal((await guest.hearsTone(440)).from, job.participantIdentity);
  await eventually(async () => (await guest.toneReport()).heardMs > 1_000, { what: "a second of tone" });
});

Deno.test("echo agent gives the tone back again after the LiveKit server was killed and restarted", async () => {
  const job = await newJob({ agent: "echo" });
  await using guest = await human(job.room);
  await using child = slot(ECHO);
  child.send({ type: "start", job });
  await guest.playTone(600);
  await guest.hearsTone(600);
  await livekit.restart();
  await guest.sawEvent("reconnected", { withinMs: 30_000 });
  assert.equal((await guest.hearsTone(600, { withinMs: 30_000 })).from, job.participantIdentity);
  assert.equal(child.types().includes("finished"), false);
});

Deno.test("slot child runs the job when start came before it was loaded, without priming", async () => {
  const { finished, exit, child } = await runToEnd(await agentFile("await ctx.connect();"), await newJob());
  assert.deepEqual([finished.outcome, finished.endReason], ["succeeded", "entry_returned"]);
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.deepEqual(child.types(), ["warm", "entered", "connected", "ready", "finished"]);
});

Deno.test("entry sees metadata, job and what prewarm prepared; its output is kept with the job", async () => {
  const file = await agentFile(
    `console.log("hello %s", ctx.metadata.name, ctx.slot.data.model);
     ctx.log.warn("fields", { attempt: ctx.job.attempt, room: ctx.job.room });`,
    `prewarm: (slot) => { slot.data.model = "loaded"; },`,
  );
  const job = await newJob({ metadata: { name: "Ada" } });
  const { child } = await runToEnd(file, job);
  const lines = child.messages.filter((message) => message.type === "log");
  assert.deepEqual(lines.map(({ level, message, fields, jobId }) => ({ level, message, fields, jobId })), [
    { level: "info", message: "hello Ada loaded", fields: undefined, jobId: job.jobId },
    { level: "warn", message: "fields", fields: { attempt: 1, room: job.room }, jobId: job.jobId },
  ]);
});

Deno.test("entry that throws ends the job as failed with name, message and stack", async () => {
  const file = await agentFile(`throw new RangeError("too far");`);
  const { finished } = await runToEnd(file, await newJob());
  assert.deepEqual([finished.outcome, finished.endReason], ["failed", "entry_threw"]);
  assert.deepEqual([finished.error?.name, finished.error?.message], ["RangeError", "too far"]);
  assert.match(finished.error?.stack ?? "", /agent_.*\.ts:\d+:\d+/);
});

Deno.test("an error that nobody catches fails the job, thrown or rejected", async () => {
  for (const how of [`setTimeout(() => { throw boom; }, 0);`, `void Promise.reject(boom);`]) {
    const file = await agentFile(`const boom = new Error("uncaught"); ${how} await ctx.ended;`);
    const { finished } = await runToEnd(file, await newJob());
    assert.deepEqual([finished.outcome, finished.endReason, finished.error?.message], [
      "failed",
      "entry_threw",
      "uncaught",
    ]);
  }
});

Deno.test("Deno.exit in an agent ends the child with that code and without a word", async () => {
  await using child = slot(await agentFile(`Deno.exit(3);`));
  child.send({ type: "start", job: await newJob() });
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.deepEqual(child.types(), ["warm", "entered"]);
});

Deno.test("shutdown callbacks run last first with the reason, before finished and still in the room", async () => {
  const file = await agentFile(
    `const say = (text) => async (reason) => ctx.log.info(text + " " + reason + " " + ctx.room.isConnected);
     ctx.onShutdown(say("first")); ctx.onShutdown(say("last"));
     await ctx.connect();
     ctx.shutdown("enough");
     ctx.log.info((await ctx.ended).reason + " " + ctx.signal.aborted);`,
  );
  const { finished, child } = await runToEnd(file, await newJob());
  assert.deepEqual([finished.outcome, finished.endReason], ["succeeded", "shutdown_requested"]);
  const said = child.messages.flatMap((message) => message.type === "log" ? [message.message] : []);
  assert.deepEqual(said, [
    "enough",
    "shutdown_requested true",
    "last shutdown_requested true",
    "first shutdown_requested true",
  ]);
  assert.equal(child.messages.at(-1)?.type, "finished");
});

Deno.test("a cancelled job is cancelled although its entry ignores it or throws on its way out", async () => {
  const stubborn = `await new Promise(() => {});`;
  const aborted = `await ctx.waitForParticipant();`;
  const angry = `await ctx.ended; throw new Error("on the way out");`;
  for (const entry of [stubborn, aborted, angry]) {
    const job = await newJob();
    const file = await agentFile(`await ctx.connect();\n${entry}`);
    const { finished } = await runToEnd(file, job, async (child) => {
      await child.received("ready");
      child.send({ type: "cancel", jobId: job.jobId, reason: "drain", graceMs: 100 });
    });
    assert.deepEqual([finished.outcome, finished.endReason], ["cancelled", "drain"]);
  }
});

Deno.test("a job cancelled before entry never enters", async () => {
  const job = await newJob();
  const { finished, child } = await runToEnd(await agentFile(""), job, (child) => {
    child.send({ type: "cancel", jobId: job.jobId, reason: "cancelled", graceMs: 100 });
    return Promise.resolve();
  });
  assert.deepEqual([finished.outcome, finished.endReason], ["cancelled", "cancelled"]);
  assert.equal(child.types().includes("entered"), false);
});

Deno.test("waitForParticipant gives the human who is there or comes later, and passes over agents", async () => {
  const file = await agentFile(
    `await ctx.connect();
     const anyone = await ctx.waitForParticipant();
     const late = await ctx.waitForParticipant({ identity: "late" });
     ctx.log.info(anyone.identity + " " + late.identity);`,
  );
  const job = await newJob();
  await using other = slot(ECHO);
  other.send({ type: "start", job: await newJob({ room: job.room }) });
  await other.received("ready");
  await using _early = await human(job.room, "early");
  const { child } = await runToEnd(file, job, async (running) => {
    await running.received("ready");
    await using late = await human(job.room, "late");
    await late.playTone(440); // Announced at once by its track.
    await running.received("finished");
  });
  assert.ok(child.messages.some((message) => message.type === "log" && message.message === "early late"));
});

Deno.test("the end of the room, the agent's removal and a lost connection are told apart", async () => {
  const rooms = new RoomServiceClient(livekit.url.replace("ws:", "http:"), livekit.apiKey, livekit.apiSecret);
  const stay = await agentFile("await ctx.connect(); await ctx.ended;");
  const cases = [
    { end: (job: JobStart) => rooms.deleteRoom(job.room), outcome: "succeeded", endReason: "room_closed" },
    {
      end: (job: JobStart) => livekit.api.removeParticipant(job.room, job.participantIdentity),
      outcome: "succeeded",
      endReason: "removed_from_room",
    },
    // Another participant of the same identity takes the agent's place.
    {
      end: async (job: JobStart) => await (await human(job.room, job.participantIdentity)).kill(),
      outcome: "failed",
      endReason: "connection_lost",
    },
  ];
  for (const { end, outcome, endReason } of cases) {
    const job = await newJob();
    const { finished } = await runToEnd(stay, job, async (child) => {
      await child.received("ready");
      await end(job);
    });
    assert.deepEqual([finished.outcome, finished.endReason], [outcome, endReason]);
  }
});

Deno.test("explicit readiness is reported by ctx.ready and not before", async () => {
  const file = await agentFile(
    `await ctx.connect();
     const { attributes } = await ctx.waitForParticipant();
     ctx.log.info("before ready");
     ctx.ready(); ctx.ready();
     await ctx.ended;`,
  );
  const job = await newJob({ readiness: "explicit" });
  await using child = slot(file);
  child.send({ type: "start", job });
  await child.received("connected");
  assert.equal(child.types().includes("ready"), false);
  await using guest = await human(job.room);
  assert.deepEqual(child.types(), ["warm", "entered", "connected"]);
  await guest.playTone(440);
  await child.received("ready");
  await guest.seesAttribute("greenroom.ready");
  assert.equal(child.types().filter((type) => type === "ready").length, 1);
});

Deno.test("a room that can't be joined rejects connect and fails the job", async () => {
  const job = await newJob({ token: "not.a.token" });
  const { finished } = await runToEnd(await agentFile("await ctx.connect();"), job);
  assert.deepEqual([finished.outcome, finished.endReason], ["failed", "entry_threw"]);
  assert.notEqual(finished.error?.message, "");
});

Deno.test("a child whose parent is gone cleans up, leaves the room and exits", async () => {
  const mark = `${dir}/${crypto.randomUUID()}`;
  const file = await agentFile(
    `ctx.onShutdown((reason) => writeFileSync("${mark}", reason));
     await ctx.connect(); await new Promise(() => {});`,
  );
  const job = await newJob();
  await using child = slot(file);
  child.send({ type: "start", job });
  await child.received("ready");
  child.hangUp();
  assert.deepEqual(await child.exited, { code: 0, signal: null });
  assert.equal(await Deno.readTextFile(mark), "shutdown");
  await eventually(async () => (await identitiesIn(job.room)).length === 0, {
    // LiveKit itself would find it gone after some 20 s.
    withinMs: 10_000,
    what: "left properly",
  });
});

Deno.test("an idle child ends when its parent is gone", async () => {
  await using child = slot(ECHO);
  await child.received("warm");
  child.hangUp();
  assert.deepEqual(await child.exited, { code: 0, signal: null });
});

Deno.test("a file that can't be used as an agent is reported as broken with the place in the file", async () => {
  const broken: [string, RegExp][] = [
    [`throw new Error("at load");`, /at load[\s\S]*\.ts:1:7/],
    [`export default 3;`, /default export must be what defineAgent/],
    [`${PREAMBLE}export default defineAgent({ name: "" });`, /name must be[\s\S]*entry must be a function/],
    [`const = 3;`, /\.ts:1:7/],
    [`${PREAMBLE}setTimeout(() => { throw new Error("later"); }, 0); await new Promise(() => {});`, /later/],
  ];
  for (const [source, expected] of broken) {
    const file = `${dir}/broken_${crypto.randomUUID()}.ts`;
    await Deno.writeTextFile(file, source);
    for (const child of [slot(file), new ChildParent("host_child.ts", { agentFile: file })]) {
      await using _ended = child;
      assert.match((await child.received("broken")).error, expected);
      assert.deepEqual(await child.exited, { code: 1, signal: null });
    }
  }
});

Deno.test("rtc-node sends no log events while its log capture is off, and many when it is on", async () => {
  const file = await agentFile(
    `let logs = 0;
     globalThis._ffiClientInstance.on("ffi_event", (event) => { if (event.message.case === "logs") logs++; });
     await ctx.connect();
     ctx.log.info(String(logs));`,
    `prewarm: async () => { const { AudioSource } = await import("@livekit/rtc-node"); new AudioSource(48000, 1); },`,
  );
  for (const rtcLogs of [false, true]) {
    await using child = slot(file, { rtcLogs });
    const job = await newJob();
    child.send({ type: "start", job });
    await child.received("finished");
    const line = child.messages.find((message) => message.type === "log" && /^\d+$/.test(message.message));
    assert.ok(line?.type === "log");
    assert.equal(Number(line.message) > 0, rtcLogs, `${line.message} log events with rtcLogs ${rtcLogs}`);
  }
});

Deno.test("host describes its agent and validates metadata field by field", async () => {
  const file = `${dir}/host_${crypto.randomUUID()}.ts`;
  await Deno.writeTextFile(
    file,
    `import { z } from "zod";\n${PREAMBLE}
     export default defineAgent({
       name: "support",
       metadata: z.object({ customer: z.object({ name: z.string() }), tries: z.number().default(2) }),
       entry: () => {},
     });`,
  );
  await using host = new ChildParent("host_child.ts", { agentFile: file });
  const { descriptor } = await host.received("descriptor");
  assert.deepEqual((descriptor as { name: string; hasMetadataSchema: boolean }).name, "support");
  const asked: [unknown, unknown][] = [
    [{ customer: { name: "Ada" } }, { ok: true, metadata: { customer: { name: "Ada" }, tries: 2 } }],
    [{ customer: { name: 3 } }, {
      ok: false,
      errors: [{ path: "customer.name", message: "Invalid input: expected string, received number" }],
    }],
    [null, { ok: false, errors: [{ path: "", message: "Invalid input: expected object, received null" }] }],
  ];
  for (const [requestId, [metadata, expected]] of asked.entries()) {
    host.send({ type: "validate", requestId, metadata });
    const answer = await eventually(() =>
      host.messages.find((message) => message.type === "validated" && message.requestId === requestId)
    );
    assert.deepEqual(answer.type === "validated" && answer.result, expected);
  }
});
