/** What a job does to its own process never touches another job: a listener hears a healthy agent's echo throughout. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { isAlive } from "../support/runtime_fixture.ts";
import type { RoomParticipant } from "../support/room_participant.ts";

const MAX_LOG_LINES = 500;
const TONE_HZ = 440;
/** Nothing is to be heard of it; a busy machine stutters by itself. */
const MAX_GAP_MS = 3_000;
const ENDED = ["succeeded", "failed", "cancelled"];

let greenroom: Greenroom;
let listener: RoomParticipant;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo", "misbehaves", "inline_echo"],
    env: {
      GREENROOM_JOB_HEAP_LIMIT_MB: "96",
      GREENROOM_MAX_LOG_LINES_PER_JOB: String(MAX_LOG_LINES),
      GREENROOM_SHUTDOWN_GRACE_MS: "500",
      GREENROOM_INLINE_AGENTS: "inline_echo",
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "1",
      GREENROOM_BREAKER_THRESHOLD: "0",
    },
  });
  const { status } = await greenroom.dispatch({ agent: "echo", room: "healthy" });
  assert.equal(status, 201);
  listener = await greenroom.human("healthy");
  await listener.playTone(TONE_HZ);
});
Deno.test.afterAll(async () => {
  await listener?.[Symbol.asyncDispose]();
  await greenroom?.stop();
});

/** Runs a job that misbehaves, to its end, while the listener listens. Gives the job as it was recorded. */
// deno-lint-ignore no-explicit-any
async function besideEcho(how: string, during: (job: any, dispatch: string) => Promise<unknown> = async () => {}) {
  await listener.hearsTone(TONE_HZ);
  const { body } = await greenroom.dispatch({ agent: "misbehaves", room: how, metadata: { how } }, "wait=accepted");
  const id = body.id ?? body.dispatch.id;
  const { jobs: [job] } = await greenroom.dispatchIn(["running", ...ENDED], id, 20_000);
  await during(job, id);
  const { jobs: [ended] } = await greenroom.dispatchIn(ENDED, id, 30_000);
  const { heardMs } = await listener.toneReport();
  await eventually(async () => (await listener.toneReport()).heardMs > heardMs, { what: "the tone goes on" });
  const { largestGapMs } = await listener.toneReport();
  assert.ok(largestGapMs <= MAX_GAP_MS, `the healthy agent was silent for ${largestGapMs} ms`);
  assert.equal((await greenroom.call("GET", "/ready")).status, 200);
  return ended;
}

Deno.test("a busy loop is killed as unresponsive, and the job beside it is heard on", async () => {
  assert.equal((await besideEcho("loop")).failure.kind, "unresponsive");
});

Deno.test("Deno.exit is recorded with its code, and the job beside it is heard on", async () => {
  const { failure } = await besideEcho("exit");
  assert.deepEqual([failure.kind, failure.exitCode], ["exit", 3]);
});

Deno.test("an unhandled rejection fails its job, and the job beside it is heard on", async () => {
  const { failure } = await besideEcho("reject");
  assert.equal(failure.kind, "exception");
  assert.match(failure.message, /nobody catches this/);
});

Deno.test("a full heap is recorded as out of memory, and the job beside it is heard on", async () => {
  assert.equal((await besideEcho("heap")).failure.kind, "out_of_memory");
});

Deno.test("a native crash is recorded with its signal, and the job beside it is heard on", async () => {
  // The first one that no fault caused only takes Rust's handler away; a real fault comes again at once.
  const crash = ({ pid }: { pid: number }) => {
    Deno.kill(pid, "SIGSEGV");
    return eventually(() => !isAlive(pid) || void Deno.kill(pid, "SIGSEGV"), { what: "the crash" });
  };
  const { failure } = await besideEcho("stay", crash);
  assert.deepEqual([failure.kind, failure.signal], ["signal", "SIGSEGV"]);
});

Deno.test("a flood of output is bounded and counted, and the job beside it is heard on", async () => {
  const job = await besideEcho("flood");
  assert.equal(job.state, "succeeded");
  const texts = await eventually(async () => {
    const { items } = await greenroom.get(`/api/v1/jobs/${job.id}/logs?limit=1000`);
    const messages: string[] = items.map(({ message }: { message: string }) => message);
    return messages.some((text) => /dropped/.test(text)) ? messages : null;
  }, { what: "the count of dropped lines" });
  assert.ok(texts.length <= MAX_LOG_LINES + 10, `${texts.length} lines were kept`);
});

Deno.test("endless timers end with their job, and the job beside them is heard on", async () => {
  const job = await besideEcho("timers", (_, id) => greenroom.call("DELETE", `/api/v1/dispatches/${id}`));
  assert.equal(job.state, "cancelled");
});

Deno.test("an inline agent that the operator lists runs in the control plane's process, with the same context and ends", async () => {
  const start = async (room: string, metadata: unknown, query: string) => {
    const { status, body } = await greenroom.dispatch({ agent: "inline_echo", room, metadata }, query);
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };
  const { id } = await start("inline", {}, "wait=ready");
  await using guest = await greenroom.human("inline");
  // A message to an agent that is not yet known to its sender's server may be lost.
  await eventually(async () => {
    await guest.sendData("chat", "hello");
    return guest.events.some((event) => event.event === "data" && event.topic === "chat" && event.text === "hello");
  }, { what: "the agent's answer" });
  const running = await greenroom.get(`/api/v1/dispatches/${id}`);
  assert.deepEqual([running.jobs[0].isolation, running.jobs[0].pid], ["inline", null]);
  await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
  const { jobs: [job] } = await greenroom.dispatchIn(ENDED, id);
  assert.deepEqual([job.state, job.isolation], ["cancelled", "inline"]);
  for (const how of ["throw", "reject"]) {
    const failed = await start(`inline-${how}`, { how }, "wait=done");
    assert.equal(failed.state, "failed");
    assert.match(failed.failure.message, /thrown inline|rejected inline/);
  }
  const { items } = await greenroom.get(`/api/v1/jobs/${job.id}/logs`);
  const texts = items.map(({ message }: { message: string }) => message);
  assert.deepEqual(texts.slice(0, 1), [`runs in ${greenroom.pid}`]);
  assert.ok(texts.includes("shut down by cancelled"));
  assert.equal((await greenroom.call("GET", "/ready")).status, 200);
});

Deno.test("an inline agent that the operator does not list is broken, and says why", async () => {
  await using other = await Greenroom.start({
    agents: ["inline_echo"],
    livekit: await greenroom.livekit(),
  });
  const { items } = await other.get("/api/v1/agents");
  assert.equal(items[0].state, "broken");
  assert.match(items[0].error, /GREENROOM_INLINE_AGENTS/);
});
