import assert from "node:assert/strict";
import { startTestLivekit, type TestLivekit } from "../../support/livekit.ts";
import { eventually } from "../../support/eventually.ts";
import { startRecordedWorker } from "../../support/worker_recorder.ts";

/** One server for the tests that don't kill it; the last test stops it. */
let shared: TestLivekit | undefined;
async function sharedServer(): Promise<TestLivekit> {
  return shared ??= await startTestLivekit();
}

function uniqueName(): string {
  return `n-${crypto.randomUUID().slice(0, 8)}`;
}

Deno.test("WorkerConnection is offered and assigned a dispatch with its attributes and metadata", async () => {
  const server = await sharedServer();
  const [agentName, room] = [uniqueName(), uniqueName()];
  await using worker = startRecordedWorker({ server, agentName });
  await worker.settled();
  const dispatch = await server.api.createDispatch({
    agentName,
    room,
    metadata: "hello",
    attributes: { "greenroom.dispatch": "d1" },
  });
  const [assignment] = await eventually(() => worker.assignments.length > 0 ? worker.assignments : null);
  assert.ok(assignment);
  const { job, isLate } = assignment;
  assert.deepEqual(worker.offers, [job]);
  assert.equal(isLate, false);
  assert.deepEqual(
    [job.dispatchId, job.room.name, job.metadata, job.attributes, job.jobType, job.participant],
    [dispatch.id, room, "hello", { "greenroom.dispatch": "d1" }, "room", null],
  );
  assert.match(assignment.token, /^eyJ/);
});

Deno.test("WorkerConnection's status is noted by the server as SUCCESS before the pong barrier opens", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  await using worker = startRecordedWorker({ server, agentName });
  await worker.settled();
  for (let n = 0; n < 5; n++) await server.api.createDispatch({ agentName, room: uniqueName() });
  await eventually(() => worker.assignments.length === 5);
  for (const { job } of worker.assignments) {
    const isSent = worker.connection.updateJob(job.id, "succeeded"); // not awaited: the barrier waits for it
    assert.equal(await worker.connection.settleStatus(2_000), true);
    assert.equal(await isSent, true);
    const noted = await eventually(() =>
      server.lines.find((line) => line.includes('"job ended"') && line.includes(job.id))
    );
    assert.ok(noted.includes('"status":"JS_SUCCESS"'), noted);
  }
});

Deno.test("WorkerConnection.updateJob reports an end once, and refuses jobs of others", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  await using worker = startRecordedWorker({ server, agentName });
  await worker.settled();
  assert.equal(await worker.connection.updateJob("AJ_foreign", "failed", "no"), false);
  await server.api.createDispatch({ agentName, room: uniqueName() });
  const [assignment] = await eventually(() => worker.assignments.length > 0 ? worker.assignments : null);
  const jobId = assignment?.job.id ?? "";
  assert.equal(await worker.connection.updateJob(jobId, "running"), true);
  assert.equal(await worker.connection.updateJob(jobId, "failed", "it broke"), true);
  assert.equal(await worker.connection.updateJob(jobId, "succeeded"), false);
  const noted = await eventually(() =>
    server.lines.find((line) => line.includes('"job ended"') && line.includes(jobId))
  );
  assert.ok(noted.includes("JS_FAILED") && noted.includes("it broke"), noted);
});

Deno.test("WorkerConnection is told of a termination when its dispatch is deleted", async () => {
  const server = await sharedServer();
  const [agentName, room] = [uniqueName(), uniqueName()];
  await using worker = startRecordedWorker({ server, agentName });
  await worker.settled();
  const { id } = await server.api.createDispatch({ agentName, room });
  const [assignment] = await eventually(() => worker.assignments.length > 0 ? worker.assignments : null);
  // The server can end a job only a moment after it assigned it (livekit.md 4.2).
  assert.equal(await worker.connection.updateJob(assignment?.job.id ?? "", "running"), true);
  assert.equal(await worker.connection.settleStatus(2_000), true);
  assert.equal(await server.api.deleteDispatch(room, id), true);
  await eventually(() => worker.terminations.includes(assignment?.job.id ?? ""));
});

Deno.test("WorkerConnection gets no offer while it reports itself full, and offers again afterwards", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  await using full = startRecordedWorker({ server, agentName });
  await using free = startRecordedWorker({ server, agentName });
  full.load = { status: "full", loadRatio: 1, jobCount: 1 };
  await Promise.all([full.settled(), free.settled()]);
  full.connection.reportLoad();
  assert.equal(await full.connection.settleStatus(2_000), true);
  for (let n = 0; n < 6; n++) await server.api.createDispatch({ agentName, room: uniqueName() });
  await eventually(() => free.assignments.length === 6);
  assert.equal(full.offers.length, 0);

  full.load = { status: "available", loadRatio: 0, jobCount: 0 };
  free.load = { status: "full", loadRatio: 1, jobCount: 6 };
  for (const { connection } of [full, free]) {
    connection.reportLoad();
    assert.equal(await connection.settleStatus(2_000), true);
  }
  await server.api.createDispatch({ agentName, room: uniqueName() });
  await eventually(() => full.assignments.length === 1);
});

Deno.test("WorkerConnection with used share 1 that still says available is chosen, because its load is scaled", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  await using worker = startRecordedWorker({ server, agentName });
  worker.load = { status: "available", loadRatio: 1, jobCount: 9 };
  await worker.settled();
  await server.api.createDispatch({ agentName, room: uniqueName() });
  await eventually(() => worker.assignments.length === 1);
});

Deno.test("WorkerConnection's declined offer goes to another worker", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  await using declining = startRecordedWorker({ server, agentName });
  await using willing = startRecordedWorker({ server, agentName });
  declining.answer = () => ({ kind: "decline", reason: "test" });
  await Promise.all([declining.settled(), willing.settled()]);
  for (let n = 0; n < 8; n++) await server.api.createDispatch({ agentName, room: uniqueName() });
  await eventually(() => willing.assignments.length === 8);
  assert.equal(declining.assignments.length, 0);
});

Deno.test("WorkerConnection's terminate answer ends the offer for everybody", async () => {
  const server = await sharedServer();
  const [agentName, room] = [uniqueName(), uniqueName()];
  await using worker = startRecordedWorker({ server, agentName });
  worker.answer = () => ({ kind: "terminate", reason: "served elsewhere" });
  await worker.settled();
  const { id } = await server.api.createDispatch({ agentName, room });
  const jobs = await eventually(async () => {
    const found = await server.api.findDispatch(room, id);
    return found?.state && found.state.jobs.length > 0 ? found.state.jobs : null;
  });
  assert.equal(jobs[0]?.state?.status, 2); // JS_SUCCESS
  assert.deepEqual([worker.offers.length, worker.assignments.length], [1, 0]);
});

Deno.test("WorkerConnection with a wrong secret explains the 401 and tries on", async () => {
  const server = await sharedServer();
  await using worker = startRecordedWorker({ server: { ...server, apiSecret: "wrong".repeat(8) } });
  await eventually(() => worker.connection.snapshot().attempts >= 2);
  const { state, lastError } = worker.connection.snapshot();
  assert.equal(state, "connecting");
  assert.match(lastError?.explanation ?? "", /refused our API key or secret \(401\)/);
  assert.match(lastError?.remedy ?? "", /LIVEKIT_API_KEY/);
});

Deno.test("WorkerConnection says where nothing listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  await using worker = startRecordedWorker({
    server: { url: `ws://127.0.0.1:${listener.addr.port}`, apiKey: "k", apiSecret: "s" },
  });
  const { explanation } = await eventually(() => worker.connection.snapshot().lastError);
  assert.match(explanation, /connection refused/);
});

Deno.test("WorkerConnection goes away when it is stopped: nothing is dispatched to it any more", async () => {
  const server = await sharedServer();
  const agentName = uniqueName();
  const worker = startRecordedWorker({ server, agentName });
  await worker.settled();
  await worker[Symbol.asyncDispose]();
  assert.equal(worker.connection.snapshot().state, "stopped");
  assert.equal(await worker.connection.settleStatus(1_000), false);
  await eventually(() => server.lines.some((line) => line.includes('"closing worker"') && line.includes(agentName)));
  await server.stop();
  shared = undefined;
});

Deno.test("WorkerConnection registers again after the server was killed and restarted, and is dispatched to", async () => {
  await using server = await startTestLivekit();
  await using worker = startRecordedWorker({ server });
  await worker.settled();
  await server.api.createDispatch({ agentName: "echo", room: "before" });
  await eventually(() => worker.assignments.length === 1);
  const before = worker.connection.snapshot();

  await server.kill();
  await eventually(() => worker.connection.snapshot().state === "reconnecting");
  assert.match(worker.connection.snapshot().lastClose?.explanation ?? "", /without a goodbye/);
  assert.equal(await worker.connection.updateJob(worker.assignments[0]?.job.id ?? "", "succeeded"), false);
  assert.equal(await worker.connection.settleStatus(1_000), false);

  await server.restart();
  await worker.settled();
  const after = worker.connection.snapshot();
  assert.notEqual(after.workerId, before.workerId);
  assert.ok(after.attempts >= 1);
  assert.equal(await worker.connection.updateJob(worker.assignments[0]?.job.id ?? "", "succeeded"), false);
  await server.api.createDispatch({ agentName: "echo", room: "after" });
  await eventually(() => worker.assignments.length === 2);
});
