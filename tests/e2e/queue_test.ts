/** What happens when there are more dispatches than slots: three jobs run, two dispatches wait, the next is refused. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { type Answer, Greenroom } from "../support/greenroom.ts";

const MAX_JOBS = 3;
const QUEUE_CAPACITY = 2;

let greenroom: Greenroom;
let running: Answer[];
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo"],
    env: { MAX_CONCURRENT_JOBS: String(MAX_JOBS), GREENROOM_QUEUE_CAPACITY: String(QUEUE_CAPACITY) },
  });
  running = await fillSlots();
});
Deno.test.afterAll(() => greenroom?.stop());

function fillSlots(): Promise<Answer[]> {
  const rooms = Array.from({ length: MAX_JOBS }, (_, i) => `running-${i}`);
  return Promise.all(rooms.map((room) => greenroom.dispatch({ agent: "echo", room })));
}

async function cancel(id: string): Promise<Answer> {
  return await greenroom.call("DELETE", `/api/v1/dispatches/${id}`);
}

async function queuedRooms(): Promise<string[]> {
  const { items } = await greenroom.get("/api/v1/dispatches?state=queued");
  return items.map(({ room }: { room: string }) => room).sort();
}

Deno.test("dispatches beyond the slots wait, visibly, and each runs as soon as a slot is free", async () => {
  assert.deepEqual(running.map(({ status }) => status), [201, 201, 201]);
  const waiting = [];
  for (const room of ["waiting-0", "waiting-1"]) waiting.push(await greenroom.dispatch({ agent: "echo", room }, ""));
  assert.deepEqual(waiting.map(({ status, body }) => [status, body.state]), [[201, "queued"], [201, "queued"]]);
  assert.deepEqual(await queuedRooms(), ["waiting-0", "waiting-1"]);
  const { items: [agent] } = await greenroom.get("/api/v1/agents");
  assert.deepEqual([agent.running, agent.free], [3, 0]);

  for (const [index, { body }] of waiting.entries()) {
    assert.equal((await cancel(running[index]?.body.id)).status, 202);
    const { stages, jobs } = await greenroom.dispatchIn(["running"], body.id);
    assert.ok(stages.enteredAt >= stages.assignedAt && stages.assignedAt > stages.requestedAt);
    assert.equal(jobs.length, 1);
    running[index] = await greenroom.call("GET", `/api/v1/dispatches/${body.id}`);
  }
});

Deno.test("wait=ready answers 504 no_free_slot with the dispatch, which goes on, when no slot gets free in time", async () => {
  const { status, body } = await greenroom.dispatch({ agent: "echo", room: "patient" }, "wait=ready&waitMs=150");
  assert.equal(status, 504);
  assert.equal(body.code, "no_free_slot");
  assert.match(body.remedy, /MAX_CONCURRENT_JOBS/);
  assert.equal(body.dispatch.state, "queued");
  assert.equal((await greenroom.get(`/api/v1/dispatches/${body.dispatch.id}`)).state, "queued");
  const cancelled = await cancel(body.dispatch.id);
  assert.deepEqual([cancelled.status, cancelled.body.state], [200, "cancelled"]);
});

Deno.test("wait=ready with onWaitTimeout=cancel cancels the dispatch when the wait runs out", async () => {
  const query = "wait=ready&waitMs=150&onWaitTimeout=cancel";
  const { status, body } = await greenroom.dispatch({ agent: "echo", room: "impatient" }, query);
  assert.equal(status, 504);
  assert.equal(body.dispatch.state, "cancelled");
  assert.equal((await greenroom.get(`/api/v1/dispatches/${body.dispatch.id}`)).state, "cancelled");
});

Deno.test("explain says why a dispatch waits, and why one that runs was placed where it was", async () => {
  const { body: { id } } = await greenroom.dispatch({ agent: "echo", room: "why" }, "");
  const { waiting } = await greenroom.get(`/api/v1/dispatches/${id}/explain`);
  const [candidate] = waiting.candidates;
  assert.equal(waiting.nearestMiss, candidate.instanceId);
  assert.deepEqual([candidate.running, candidate.maxJobs, candidate.isHosting], [MAX_JOBS, MAX_JOBS, true]);
  assert.equal(candidate.refusal, "instance_full");
  await cancel(id);
  const placed = await eventually(async () => {
    const { placements, waiting } = await greenroom.get(`/api/v1/dispatches/${running[2]?.body.id}/explain`);
    assert.equal(waiting, null);
    return placements[0];
  });
  assert.equal(placed.instanceId, candidate.instanceId);
  assert.match(placed.why, /had a free slot/);
  assert.equal(placed.candidates[0].refusal, null);
  const unknown = await greenroom.call("GET", `/api/v1/dispatches/${crypto.randomUUID()}/explain`);
  assert.deepEqual([unknown.status, unknown.body.code], [404, "not_found"]);
});

Deno.test("a dispatch without a free slot expires at its deadline, and wait=ready says so with 502", async () => {
  const { status, body } = await greenroom.dispatch(
    { agent: "echo", room: "hasty", deadlineMs: 200 },
    "wait=ready&waitMs=60000",
  );
  assert.deepEqual([status, body.code, body.dispatch.state], [502, "dispatch_expired", "expired"]);
  assert.match(body.detail, /no slot was free/);
  assert.equal((await greenroom.get(`/api/v1/dispatches/${body.dispatch.id}`)).state, "expired");
});

Deno.test("POST answers 429 with Retry-After, and stores nothing, when the agent's queue is full", async () => {
  const waiting = [];
  for (const room of ["full-0", "full-1"]) waiting.push(await greenroom.dispatch({ agent: "echo", room }, ""));
  const { status, headers, body } = await greenroom.dispatch({ agent: "echo", room: "full-2" }, "");
  assert.equal(status, 429);
  assert.equal(body.code, "queue_full");
  assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
  assert.deepEqual(await queuedRooms(), ["full-0", "full-1"]);
  for (const { body: { id } } of waiting) await cancel(id);
});

Deno.test("an urgent dispatch is served before a normal one that came earlier, when a slot gets free", async () => {
  const normal = await greenroom.dispatch({ agent: "echo", room: "normal" }, "");
  const urgent = await greenroom.dispatch({ agent: "echo", room: "urgent", priority: "urgent" }, "");
  await cancel(running[0]?.body.id);
  running[0] = { ...urgent, body: await greenroom.dispatchIn(["running"], urgent.body.id) };
  assert.equal((await greenroom.get(`/api/v1/dispatches/${normal.body.id}`)).state, "queued");
  await cancel(normal.body.id);
});

Deno.test("wait=accepted answers as soon as a job is assigned, wait=done when the dispatch has ended", async () => {
  await cancel(running[1]?.body.id);
  await greenroom.dispatchIn(["cancelled"], running[1]?.body.id);
  const accepted = await greenroom.dispatch({ agent: "echo", room: "accepted" }, "wait=accepted");
  assert.equal(accepted.status, 201);
  assert.ok(accepted.body.stages.assignedAt);
  const { id } = accepted.body;
  const body = { agent: "echo", room: "done", idempotencyKey: "done" };
  await cancel(running[2]?.body.id);
  const first = await greenroom.dispatch(body, "wait=ready");
  const done = greenroom.dispatch(body, "wait=done");
  await cancel(first.body.id);
  const { status, body: ended } = await done;
  assert.deepEqual([status, ended.id, ended.state], [200, first.body.id, "cancelled"]);
  await cancel(id);
});
