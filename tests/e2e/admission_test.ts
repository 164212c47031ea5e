/** More jobs offered by a real LiveKit server than there are slots, and what REST tells of it. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

const SLOTS = 3;
const OFFERED = 12;

let livekit: TestLivekit;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  greenroom = await Greenroom.start({
    agents: ["echo", "choosy"],
    livekit,
    env: { MAX_CONCURRENT_JOBS: String(SLOTS), GREENROOM_LOAD_CALCULATOR: "weighted" },
  });
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await livekit?.stop();
});

// deno-lint-ignore no-explicit-any
async function workerOf(agent: string): Promise<any> {
  const { items } = await greenroom.get("/api/v1/workers");
  return items.find((worker: { agent: string }) => worker.agent === agent);
}

Deno.test("what LiveKit offers beyond the slots is declined, all in time, and served from our queue: none of them is lost", async () => {
  await eventually(async () => (await workerOf("echo")).connection.state === "registered");
  const asked = Array.from(
    { length: OFFERED },
    (_, i) => greenroom.dispatch({ agent: "echo", room: `storm-${i}`, placement: "livekit" }, "wait=none"),
  );
  const ids = (await Promise.all(asked)).map(({ body }) => body.id as string);
  const inState = async (state: string) => (await greenroom.get(`/api/v1/dispatches?state=${state}&limit=50`)).items;
  const waiting = await eventually(async () => {
    const queued = (await inState("queued")).filter(({ placement }: { placement: string }) => placement === "direct");
    return queued.length === OFFERED - SLOTS ? queued : null;
  }, { withinMs: 30_000, what: "what LiveKit could not place in our queue" });
  for (const each of waiting) assert.equal(each.waitingReason, "not_taken_by_livekit");
  await eventually(async () => {
    const running = await inState("running");
    return running.length === SLOTS;
  }, { what: "all slots taken" });

  const worker = await workerOf("echo");
  assert.deepEqual([worker.status, worker.refusal, worker.jobCount], ["full", "instance_full", SLOTS]);
  assert.ok(worker.loadRatio >= 0.4, "weighted: the jobs alone are 0.4");
  assert.ok(worker.offers.accepted >= SLOTS);
  const overview = await greenroom.get("/api/v1/overview");
  assert.deepEqual([overview.headroom.calls, overview.headroom.boundBy], [0, "slots"]);
  const { body } = await greenroom.call("GET", "/metrics");
  assert.match(String(body), /greenroom_offers_total\{agent="echo",outcome="accepted"\} \d/);

  const served = new Set<string>();
  await eventually(async () => {
    for (const { id, stages } of await inState("running")) {
      if (stages.readyAt === null || served.has(id)) continue;
      served.add(id);
      await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
    }
    return served.size === OFFERED;
  }, { withinMs: 60_000, what: "every dispatch ready once" });
  assert.deepEqual([...served].sort(), ids.sort());
  await greenroom.allSlotsFree();
  assert.equal((await workerOf("echo")).refusal, null);
});

Deno.test("an agent's accept decides about LiveKit's offers in its host, and its load is what LiveKit is told", async () => {
  const ask = (metadata: string) =>
    greenroom.dispatch(
      { agent: "choosy", room: `choosy-${metadata}`, metadata, placement: "livekit" },
      "wait=ready&waitMs=20000",
    );
  await eventually(async () => (await workerOf("choosy")).loadRatio === 0.25, { what: "the agent's own load" });
  const [yes, no] = await Promise.all([ask("yes"), ask("no")]);
  assert.deepEqual([yes.status, no.status, no.body.dispatch.failure.code], [201, 502, "not_assigned_by_livekit"]);
  // On a busy machine it may say nothing in its 200 ms, which counts as no.
  assert.match(no.body.dispatch.failure.message, /the agent's accept/);
  assert.match((await workerOf("choosy")).offers.lastDecline.reason, /^the agent's accept/);
  await eventually(async () => (await workerOf("choosy")).loadRatio === 0.9);
  await greenroom.call("DELETE", `/api/v1/dispatches/${yes.body.id}`);
  await greenroom.allSlotsFree();
});
