/**
 * The cases in which LiveKit's own dispatch loses calls in the field (bursts, no worker up, a worker killed or restarted in
 * mid-call), on the real server and in both placements. Every dispatch is counted: ready, or clearly failed; none is lost.
 */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom, makeDataDir } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";
import { startPostgresByUrl } from "../support/postgres_url.ts";

const PLACEMENTS = ["direct", "livekit"] as const;
const LIMIT_MS = 60_000;

let livekit: TestLivekit;
let dataDir: string;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  dataDir = await makeDataDir();
  greenroom = await start();
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await livekit?.stop();
  if (dataDir) await Deno.remove(dataDir, { recursive: true });
});

async function start(): Promise<Greenroom> {
  const started = await Greenroom.start({ agents: ["echo"], livekit, dataDir });
  await workerUp(started);
  return started;
}

function workerUp(instance: Greenroom): Promise<unknown> {
  return eventually(async () => {
    const { items } = await instance.get("/api/v1/workers");
    return items.some(({ agent, connection }: { agent: string; connection: { state: string } | null }) =>
      agent === "echo" && connection?.state === "registered"
    );
  }, { withinMs: 30_000, what: "a registered worker" });
}

/** Asks for so many agents, each in a room of its own; gives the ids. `isTogether`: all at once, else one after another. */
async function ask(instance: Greenroom, count: number, placement: string, label: string, isTogether: boolean) {
  const one = async (index: number): Promise<string> => {
    const room = `${label}-${placement}-${index}`;
    const { status, body } = await instance.dispatch({ agent: "echo", room, placement }, "wait=none");
    assert.equal(status, 201, JSON.stringify(body));
    return body.id;
  };
  if (isTogether) return await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
  const ids: string[] = [];
  for (let index = 0; index < count; index++) ids.push(await one(index));
  return ids;
}

interface Outcome {
  state: string;
  failure: { code: string } | null;
  jobs: { pid: number; attempt: number; participantIdentity: string; stages: { readyAt: string | null } }[];
  room: string;
}

/** What became of each, when each has an outcome: its `attempt`th job is ready, or it has ended. */
function outcomesOf(instance: Greenroom, ids: readonly string[], attempt = 1): Promise<Outcome[]> {
  return eventually(async () => {
    const found: Outcome[] = await Promise.all(ids.map((id) => instance.get(`/api/v1/dispatches/${id}`)));
    return found.every((each) => isReady(each, attempt) || !["queued", "placed", "running"].includes(each.state))
      ? found
      : null;
  }, { withinMs: LIMIT_MS, what: `an outcome for each of ${ids.length} dispatches` });
}

function isReady({ state, jobs }: Outcome, attempt = 1): boolean {
  const job = jobs.at(-1);
  return state === "running" && job !== undefined && job.attempt >= attempt && job.stages.readyAt !== null;
}

/** All of them are ready, each with exactly one agent in its room. */
async function assertAllReady(outcomes: readonly Outcome[], attempt = 1): Promise<void> {
  const failed = outcomes.filter((each) => !isReady(each, attempt)).map((
    { room, state, failure },
  ) => [room, state, failure]);
  assert.deepEqual(failed, [], `${failed.length} of ${outcomes.length} are not ready`);
  await eventually(async () => {
    const agents = await Promise.all(outcomes.map(async ({ room, jobs }) => {
      const identities = (await livekit.api.listParticipants(room)).map(({ identity }) => identity);
      return identities.filter((identity) => identity.startsWith("agent-")).join() === jobs.at(-1)?.participantIdentity;
    }));
    return agents.every(Boolean);
  }, { what: "one agent in each room" });
}

async function endAll(instance: Greenroom, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => instance.call("DELETE", `/api/v1/dispatches/${id}`)));
  await instance.allSlotsFree(30_000);
}

for (const placement of PLACEMENTS) {
  Deno.test(`10 rapid dispatches, one after another, are all served (${placement})`, async () => {
    const ids = await ask(greenroom, 10, placement, "rapid", false);
    await assertAllReady(await outcomesOf(greenroom, ids));
    await endAll(greenroom, ids);
  });

  Deno.test(`10 concurrent dispatches are all served (${placement})`, async () => {
    const ids = await ask(greenroom, 10, placement, "concurrent", true);
    await assertAllReady(await outcomesOf(greenroom, ids));
    await endAll(greenroom, ids);
  });
}

/** Fewer than open the crash breaker, which would rightly hold them back: they die soon after their start. */
Deno.test("workers killed in mid-call, all at once, are all replaced in their rooms, whoever had placed them", async () => {
  const ids = (await Promise.all(PLACEMENTS.map((placement) => ask(greenroom, 2, placement, "killed", true)))).flat();
  const before = await outcomesOf(greenroom, ids);
  await assertAllReady(before);
  for (const { jobs } of before) Deno.kill(jobs[0]?.pid ?? 0, "SIGKILL");
  await assertAllReady(await outcomesOf(greenroom, ids, 2), 2);
  await endAll(greenroom, ids);
});

Deno.test("the worker instance is killed and restarted in mid-call: its calls go on, and what had waited is served", async () => {
  const running = (await Promise.all(PLACEMENTS.map((placement) => ask(greenroom, 3, placement, "restarted", true))))
    .flat();
  await assertAllReady(await outcomesOf(greenroom, running));
  await using _ = await greenroom.human("restarted-direct-0");
  const { items: [{ id: instance }] } = await greenroom.get("/api/v1/instances");
  await greenroom.call("POST", `/api/v1/instances/${instance}/cordon`);
  const waiting = (await Promise.all(PLACEMENTS.map((placement) => ask(greenroom, 2, placement, "waited", true))))
    .flat();
  // LiveKit gave its two to nobody, so they wait in our queue as well.
  await eventually(async () => {
    const found = await Promise.all(waiting.map((id) => greenroom.get(`/api/v1/dispatches/${id}`)));
    return found.every(({ state, placement }) => state === "queued" && placement === "direct");
  }, { what: "all that wait in our queue" });
  await greenroom.kill();
  greenroom = await start();
  await assertAllReady(await outcomesOf(greenroom, running, 2), 2);
  await assertAllReady(await outcomesOf(greenroom, waiting));
  await endAll(greenroom, [...running, ...waiting]);
});

Deno.test("all workers of an agent are down: dispatches are accepted, say why they wait, and are served when one comes up", async () => {
  await using postgres = await startPostgresByUrl();
  const env = { DATABASE_URL: postgres.url };
  const first = await Greenroom.start({ agents: ["echo"], livekit, env });
  await first.stop();
  await using front = await Greenroom.start({ agents: ["idle"], livekit, env });
  const ids = (await Promise.all(PLACEMENTS.map((placement) => ask(front, 3, placement, "down", true)))).flat();
  await eventually(async () => {
    const found = await Promise.all(ids.map((id) => front.get(`/api/v1/dispatches/${id}`)));
    return found.every(({ state, waitingReason }) => state === "queued" && waitingReason === "agent_not_hosted");
  }, { what: "each waits and says why" });
  await using worker = await Greenroom.start({ agents: ["echo"], livekit, env });
  await assertAllReady(await outcomesOf(front, ids));
  await endAll(worker, ids);
});
