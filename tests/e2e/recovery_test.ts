/** What dies comes back: in the same room, while somebody is in it. */
import assert from "node:assert/strict";
import { mintJobToken } from "../../core/livekit/tokens.ts";
import { eventually } from "../support/eventually.ts";
import { Greenroom, makeDataDir } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";
import { RoomParticipant } from "../support/room_participant.ts";
import { startPostgresByUrl } from "../support/postgres_url.ts";

const TONE_HZ = 440;
/** Nothing is to be heard of it; a busy machine stutters by itself. */
const MAX_GAP_MS = 10_000;

let livekit: TestLivekit;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
});
Deno.test.afterAll(() => livekit?.stop());

/** The dispatch when its job of this attempt is ready. */
function readyAgain(greenroom: Greenroom, id: string, attempt: number) {
  return eventually(async () => {
    const dispatch = await greenroom.get(`/api/v1/dispatches/${id}`);
    const job = dispatch.jobs.at(-1);
    return job?.attempt === attempt && job.stages.readyAt !== null ? dispatch : null;
  }, { what: `attempt ${attempt} of ${id}` });
}

async function thisInstance(greenroom: Greenroom) {
  const { items } = await greenroom.get("/api/v1/instances");
  const found = items.find(({ isThisOne }: { isThisOne: boolean }) => isThisOne);
  return { id: found.id as string, ageMs: Date.now() - Date.parse(found.startedAt) };
}

/** The dispatch's loss when it is over. */
function lossOf(greenroom: Greenroom, dispatchId: string) {
  return eventually(async () => {
    const { items } = await greenroom.get(`/api/v1/losses?dispatchId=${dispatchId}`);
    return items[0]?.readyAt ? items[0] : null;
  }, { what: `the loss of ${dispatchId}` });
}

async function agentsIn(room: string): Promise<string[]> {
  const there = await livekit.api.listParticipants(room);
  return there.map(({ identity }) => identity).filter((identity) => identity.startsWith("agent-"));
}

Deno.test("a job whose process dies in mid-call is run again at once in its room, and the caller hears on", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo"], livekit });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "killed" });
  await using caller = await greenroom.human("killed");
  await caller.playTone(TONE_HZ);
  const { from } = await caller.hearsTone(TONE_HZ);
  const [first] = body.jobs;
  assert.equal(from, first.participantIdentity);
  Deno.kill(first.pid, "SIGKILL");
  const again = await readyAgain(greenroom, body.id, 2);
  const [lost, second] = again.jobs;
  assert.deepEqual([lost.state, lost.failure.kind, second.attempt], ["failed", "signal", 2]);
  assert.deepEqual([again.state, again.failure], ["running", null]);
  assert.notEqual(second.participantIdentity, lost.participantIdentity);
  assert.deepEqual(await agentsIn("killed"), [second.participantIdentity]);
  assert.equal((await caller.hearsTone(TONE_HZ)).from, second.participantIdentity);
  const loss = await lossOf(greenroom, body.id);
  assert.deepEqual([loss.jobId, loss.replacedBy, loss.cause, loss.wasHumanThere], [lost.id, second.id, "signal", true]);
  assert.ok(loss.deadAirMs > 0 && loss.deadAirMs < 10_000, `${loss.deadAirMs}`);
  const { losses } = await greenroom.get("/api/v1/overview");
  assert.deepEqual([losses.losses, losses.open, losses.deadAirMs], [1, 0, loss.deadAirMs]);
  const page = await (await fetch(`${greenroom.url}/dispatches/${body.id}`, { headers: greenroom.authorization }))
    .text();
  assert.match(page, /the caller heard nothing for/);
});

Deno.test("a call that loses its agent again and again, each time after it was served, is served on", async () => {
  await using greenroom = await Greenroom.start({
    agents: ["echo"],
    livekit,
    env: { GREENROOM_RECOVERY_MAX_ATTEMPTS: "2", GREENROOM_RECOVERY_STABLE_MS: "1" },
  });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "long" });
  await using _caller = await greenroom.human("long");
  let [{ pid }] = body.jobs;
  for (const attempt of [2, 3, 4]) {
    Deno.kill(pid, "SIGKILL");
    const { jobs } = await readyAgain(greenroom, body.id, attempt);
    ({ pid } = jobs.at(-1));
    // What it was ready for counts once it is stored, from where lists are read.
    await eventually(async () => {
      const { items: [{ jobs }] } = await greenroom.get("/api/v1/dispatches?room=long");
      return jobs.at(-1).attempt === attempt && jobs.at(-1).stages.readyAt !== null;
    }, { what: `attempt ${attempt} stored as ready` });
  }
});

Deno.test("an agent that LiveKit does not hear any more after its connection was re-made gets a new one, or is replaced", async () => {
  await using greenroom = await Greenroom.start({ agents: ["mutes"], livekit });
  const start = async (room: string, found: number) => {
    const { body } = await greenroom.dispatch({ agent: "mutes", room, metadata: { found } });
    const caller = await greenroom.human(room);
    return { id: body.id, identity: body.jobs[0].participantIdentity, caller };
  };
  const [mended, lost] = await Promise.all([start("mended", 2), start("lost", 0)]);
  await using _one = mended.caller;
  await using _other = lost.caller;
  const { jobs } = await readyAgain(greenroom, lost.id, 2);
  assert.equal(jobs[0].failure.kind, "connection_lost");
  assert.match(
    jobs[0].failure.message,
    /tracks are missing, also in 2 more: LiveKit has 1 of the agent's 2 audio tracks/,
  );
  assert.equal((await lost.caller.hearsTone(TONE_HZ)).from, jobs[1].participantIdentity);
  // By now the other one was looked at as often.
  const { state, jobs: [only, ...others] } = await greenroom.get(`/api/v1/dispatches/${mended.id}`);
  assert.deepEqual([state, only.state, others], ["running", "running", []]);
  const { items } = await greenroom.get(`/api/v1/jobs/${only.id}/logs`);
  assert.equal(items.filter(({ message }: { message: string }) => message.includes("re-made once more")).length, 1);
  assert.equal((await mended.caller.hearsTone(TONE_HZ)).from, mended.identity);
});

Deno.test("an agent leaves when a newer attempt of its dispatch is in the room", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo"], livekit });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "fenced" });
  const newer = { identity: "agent-newer", agentName: "echo", dispatchId: body.id, attempt: 2 };
  const token = await mintJobToken(livekit, { room: "fenced", name: "echo", attributes: {}, ...newer });
  await using _ = await RoomParticipant.join({ url: livekit.url, token });
  const { jobs: [job] } = await greenroom.dispatchIn(["succeeded"], body.id);
  assert.equal(job.endReason, "removed_from_room");
  await eventually(async () => (await agentsIn("fenced")).join() === "agent-newer", { what: "only the newer one" });
});

Deno.test("what LiveKit had placed is run again directly; an agent in a crash loop is stopped, and says so", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo", "exits"], livekit });
  await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.every((worker: { connection: { state: string } }) => worker.connection.state === "registered");
  }, { what: "registered workers" });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "by-livekit", placement: "livekit" });
  const [first] = body.jobs;
  Deno.kill(first.pid, "SIGKILL");
  const again = await readyAgain(greenroom, body.id, 2);
  assert.deepEqual([again.placement, again.jobs[1].livekitJobId], ["direct", null]);

  // Three attempts of the first, two of the second: five crashes in a row.
  const done = await greenroom.dispatch({ agent: "exits", room: "loop-1" }, "wait=done");
  assert.deepEqual([done.body.state, done.body.jobs.length], ["failed", 3]);
  const { body: second } = await greenroom.dispatch({ agent: "exits", room: "loop-2" }, "");
  const waiting = await eventually(async () => {
    const dispatch = await greenroom.get(`/api/v1/dispatches/${second.id}`);
    return dispatch.waitingReason === "breaker_open" ? dispatch : null;
  }, { what: "the open breaker" });
  assert.deepEqual([waiting.state, waiting.jobs.length], ["queued", 2]);
  const { items } = await greenroom.get("/api/v1/agents");
  const { breaker } = items.find(({ name }: { name: string }) => name === "exits");
  assert.deepEqual([breaker.state, breaker.failures], ["open", 5]);
  const { problems } = await greenroom.get("/api/v1/overview");
  assert.ok(problems.some(({ code }: { code: string }) => code === "agent_crash_loop"));
  const metrics = (await greenroom.call("GET", "/metrics")).body as string;
  assert.ok(metrics.includes('greenroom_breaker_open{agent="exits"} 1\n'), "the breaker is shown");
  assert.ok(metrics.includes('greenroom_losses_total{agent="echo",cause="signal"} 1\n'), "the loss is counted");
});

Deno.test("the only instance is killed and started again: its call is run again in its room, with its checkpoint", async () => {
  const dataDir = await makeDataDir();
  try {
    let greenroom = await Greenroom.start({ agents: ["remembers"], livekit, dataDir });
    const { body } = await greenroom.dispatch({ agent: "remembers", room: "restarted" });
    await using caller = await greenroom.human("restarted");
    const waiting = await greenroom.dispatch({ agent: "remembers", room: "restarted-2" }, "");
    await caller.sendData("remember", "42");
    await caller.nextData("remembered");
    await greenroom.kill();
    greenroom = await Greenroom.start({ agents: ["remembers"], livekit, dataDir });
    await using _ = greenroom;
    const again = await readyAgain(greenroom, body.id, 2);
    assert.deepEqual(again.jobs.map(({ state }: { state: string }) => state), ["failed", "running"]);
    assert.equal(again.jobs[0].failure.kind, "instance_lost");
    await readyAgain(greenroom, waiting.body.id, 2);
    const { text } = await caller.nextData("recalled");
    assert.equal(text, "42");
    assert.deepEqual(await agentsIn("restarted"), [again.jobs[1].participantIdentity]);
    assert.deepEqual((await lossOf(greenroom, body.id)).wasHumanThere, true);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("another instance takes over when one is killed, and who waits for the dispatch there hears of it", async () => {
  await using postgres = await startPostgresByUrl();
  const env = { DATABASE_URL: postgres.url };
  await using survivor = await Greenroom.start({ agents: ["echo"], livekit, env });
  const victim = await Greenroom.start({ agents: ["echo"], livekit, env });
  const { body } = await victim.dispatch({ agent: "echo", room: "moved" });
  assert.equal(body.jobs[0].instanceId, (await thisInstance(victim)).id);
  await using caller = await survivor.human("moved");
  // An instance that has only just connected to the database judges nobody.
  await eventually(async () => (await thisInstance(survivor)).ageMs > 8_500, {
    what: "a whole lease",
  });
  await victim.kill();
  const again = await readyAgain(survivor, body.id, 2);
  const [lost, second] = again.jobs;
  assert.deepEqual([lost.failure.kind, second.instanceId], ["instance_lost", (await thisInstance(survivor)).id]);
  assert.deepEqual(await agentsIn("moved"), [second.participantIdentity]);
  assert.equal((await caller.sees(second.participantIdentity)).identity, second.participantIdentity);
  const { deadAirMs } = await lossOf(survivor, body.id);
  assert.ok(deadAirMs > 0 && deadAirMs < 15_000, `${deadAirMs}`);
});

Deno.test("an instance that is only paused keeps its call: its agent answers, and never are two in the room", async () => {
  await using postgres = await startPostgresByUrl();
  const env = { DATABASE_URL: postgres.url };
  await using survivor = await Greenroom.start({ agents: ["echo"], livekit, env });
  await using paused = await Greenroom.start({ agents: ["echo"], livekit, env });
  const { body } = await paused.dispatch({ agent: "echo", room: "paused" });
  const [{ participantIdentity: identity }] = body.jobs;
  await using caller = await paused.human("paused");
  await caller.playTone(TONE_HZ);
  await caller.hearsTone(TONE_HZ);
  await eventually(async () => (await thisInstance(survivor)).ageMs > 8_500, {
    what: "a whole lease",
  });
  paused.signal("SIGSTOP");
  try {
    await survivor.logged("another instance is dead");
    // Some rounds of probes.
    const sawProbe = async () => {
      const agent = (await livekit.api.listParticipants("paused")).find((each) => each.identity === identity);
      return agent?.attributes["greenroom.alive"] ?? null;
    };
    const first = await eventually(sawProbe, { what: "an answered probe" });
    await eventually(async () => await sawProbe() !== first, { what: "a second answer" });
  } finally {
    paused.signal("SIGCONT");
  }
  await paused.logged("it is back");
  assert.deepEqual(await agentsIn("paused"), [identity]);
  const dispatch = await survivor.get(`/api/v1/dispatches/${body.id}`);
  assert.deepEqual([dispatch.state, dispatch.jobs.length], ["running", 1]);
  const { largestGapMs } = await caller.toneReport();
  assert.ok(largestGapMs <= MAX_GAP_MS, `the caller heard nothing for ${largestGapMs} ms`);
  const { status } = await paused.call("DELETE", `/api/v1/dispatches/${body.id}`);
  assert.equal(status, 202);
  await paused.dispatchIn(["cancelled"], body.id);
});
