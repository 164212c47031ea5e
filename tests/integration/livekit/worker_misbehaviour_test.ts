/** What a real server can't be made to do; the fake decides about each byte. */
import assert from "node:assert/strict";
import { AvailabilityRequest, Job, JobAssignment, JobTermination, ServerMessage } from "@livekit/protocol";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import { FRAME_LIMIT_BYTES } from "../../../core/livekit/worker_messages.ts";
import { eventually } from "../../support/eventually.ts";
import { type FakeConnection, startFakeLivekit } from "../../support/fake_livekit_server.ts";
import { startRecordedWorker } from "../../support/worker_recorder.ts";

const CREDENTIALS = { apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" };

function offer(connection: FakeConnection, jobId: string): Promise<void> {
  return connection.send({ case: "availability", value: new AvailabilityRequest({ job: new Job({ id: jobId }) }) });
}

function assign(connection: FakeConnection, jobId: string): Promise<void> {
  return connection.send({
    case: "assignment",
    value: new JobAssignment({ job: new Job({ id: jobId }), token: "secret-token" }),
  });
}

function answersOf({ received }: FakeConnection) {
  return received.flatMap((message) => message.case === "availability" ? [message.value] : []);
}

function statusesOf({ received }: FakeConnection) {
  return received.flatMap((message) => message.case === "updateJob" ? [message.value] : []);
}

Deno.test("WorkerConnection finds a silent peer dead after two missed pings and connects anew", async () => {
  await using fake = startFakeLivekit({ isAnsweringPings: false });
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS }, timings: { pingIntervalMs: 100 } });
  const first = await fake.registered(0);
  fake.behaviour = {};
  await fake.registered(1);
  // The ping at 100 ms was missed at 200 and again at 300: two were sent when the peer was given up.
  assert.equal(first.received.filter(({ case: kind }) => kind === "ping").length, 2);
  assert.match(worker.connection.snapshot().lastClose?.explanation ?? "", /did not answer 2 pings/);
  await eventually(() => worker.connection.snapshot().pingRttMs !== null, {
    what: "an answered ping of the new connection",
  });
});

Deno.test("WorkerConnection drops cut, oversized, text and unknown frames with a count, and stays connected", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  const connection = await fake.registered();
  const value = new AvailabilityRequest({ job: new Job({ id: "AJ_cut", metadata: "x".repeat(100) }) });
  const whole = new ServerMessage({ message: { case: "availability", value } }).toBinary();
  await connection.sendFrame(whole.slice(0, whole.length - 20));
  await connection.sendFrame(new Uint8Array(FRAME_LIMIT_BYTES + 1));
  await connection.sendFrame(new TextEncoder().encode("{}"), 1);
  await connection.sendFrame(new Uint8Array(0));
  await connection.send({ case: "availability", value: new AvailabilityRequest() });
  await offer(connection, "AJ_good");
  await eventually(() => answersOf(connection).length === 1);
  assert.equal(worker.connection.snapshot().framesDropped, 5);
  assert.equal(worker.connection.snapshot().state, "registered");
  assert.deepEqual(worker.offers.map(({ id }) => id), ["AJ_good"]);
});

Deno.test("WorkerConnection gives each of 200 rapid offers exactly one answer, also when the handler throws", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  let slots = 20;
  worker.answer = (job) => {
    if (Number(job.id.slice(3)) % 10 === 0) throw new Error("a bug of the handler");
    return slots-- > 0
      ? { kind: "accept", participantIdentity: `agent-${job.id}` }
      : { kind: "decline", reason: "full" };
  };
  const connection = await fake.registered();
  const ids = Array.from({ length: 200 }, (_, n) => `AJ_${n}`);
  await Promise.all(ids.map((id) => offer(connection, id)));
  await eventually(() => answersOf(connection).length >= 200);
  assert.equal(await worker.connection.settleStatus(2_000), true);
  const answers = answersOf(connection);
  assert.deepEqual(answers.map(({ jobId }) => jobId).toSorted(), ids.toSorted());
  assert.equal(answers.filter(({ available }) => available).length, 20);
  assert.equal(worker.offers.length, 200);
});

Deno.test("WorkerConnection answers a repeated offer alike without reserving again", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  const connection = await fake.registered();
  await offer(connection, "AJ_1");
  await offer(connection, "AJ_1");
  await eventually(() => answersOf(connection).length === 2);
  assert.deepEqual(answersOf(connection).map(({ available }) => available), [true, true]);
  assert.equal(worker.offers.length, 1);
  await assign(connection, "AJ_1");
  await assign(connection, "AJ_1");
  await offer(connection, "AJ_1");
  await eventually(() => answersOf(connection).length === 3);
  assert.equal(answersOf(connection)[2]?.available, false);
  assert.equal(worker.assignments.length, 1);
});

Deno.test("WorkerConnection declines an acceptance without a participant identity", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  worker.answer = () => ({ kind: "accept", participantIdentity: "" });
  const connection = await fake.registered();
  await offer(connection, "AJ_1");
  await eventually(() => answersOf(connection).length === 1);
  assert.equal(answersOf(connection)[0]?.available, false);
});

Deno.test("WorkerConnection lets an accepted offer lapse, and hands a later assignment over as late", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    timings: { assignmentTimeoutMs: 50 },
  });
  const connection = await fake.registered();
  await offer(connection, "AJ_1");
  await eventually(() => worker.lapses.length === 1);
  await assign(connection, "AJ_1");
  await eventually(() => worker.assignments.length === 1);
  assert.equal(worker.assignments[0]?.isLate, true);
  assert.deepEqual(worker.lapses, ["AJ_1"]);
});

Deno.test("WorkerConnection frees what it had accepted at once when the connection is cut", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    timings: { assignmentTimeoutMs: 600_000 },
  });
  const connection = await fake.registered();
  await offer(connection, "AJ_1");
  await offer(connection, "AJ_2");
  await eventually(() => answersOf(connection).length === 2);
  await assign(connection, "AJ_2");
  await eventually(() => worker.assignments.length === 1);
  connection.cut();
  await eventually(() => worker.lapses.length === 1);
  assert.deepEqual(worker.lapses, ["AJ_1"]);
  assert.equal(worker.connection.snapshot().lastClose?.code, 0);
  await fake.registered(1);
});

Deno.test("WorkerConnection tells the server when its handler could not take an assigned job", async () => {
  await using fake = startFakeLivekit();
  const onAssignment = () => Promise.reject(new Error("no"));
  await using _worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS }, handlers: { onAssignment } });
  const connection = await fake.registered();
  await offer(connection, "AJ_1");
  await assign(connection, "AJ_1");
  const [status] = await eventually(() => statusesOf(connection).length > 0 ? statusesOf(connection) : null);
  assert.deepEqual([status?.jobId, status?.status], ["AJ_1", 3]); // JS_FAILED
});

Deno.test("WorkerConnection survives handlers that throw", async () => {
  await using fake = startFakeLivekit();
  const fail = () => {
    throw new Error("a bug of the handler");
  };
  await using worker = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    handlers: { onTermination: fail, load: fail },
  });
  const connection = await fake.registered();
  await connection.send({ case: "termination", value: new JobTermination({ jobId: "AJ_1" }) });
  await offer(connection, "AJ_2");
  await eventually(() => answersOf(connection).length === 1);
  assert.equal(worker.connection.snapshot().state, "registered");
});

Deno.test("WorkerConnection.settleStatus says false when no pong comes in time or the connection is cut", async () => {
  await using fake = startFakeLivekit({ isAnsweringPings: false });
  await using worker = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    timings: { pingIntervalMs: 60_000 },
  });
  const connection = await fake.registered();
  await eventually(() => worker.connection.snapshot().state === "registered");
  assert.equal(await worker.connection.settleStatus(50), false);
  const waiting = worker.connection.settleStatus(60_000);
  await eventually(() => connection.received.filter(({ case: kind }) => kind === "ping").length === 2);
  connection.cut();
  assert.equal(await waiting, false);
});

Deno.test("WorkerConnection explains a refused handshake: 401 by the probe, 403, and a clock that differs", async () => {
  await using fake = startFakeLivekit({ handshakeStatus: 401, probeStatus: 401 });
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  const explained = (pattern: RegExp) =>
    eventually(() => pattern.test(worker.connection.snapshot().lastError?.explanation ?? ""));
  await explained(/refused our API key or secret/);
  fake.behaviour = { handshakeStatus: 401, probeStatus: 404 };
  await explained(/`agent` grant/);
  fake.behaviour = { handshakeStatus: 401, probeStatus: 401, date: new Date(Date.now() + 3_600_000) };
  await explained(/clock differs from ours by 3[56]\d\d s/);
  fake.behaviour = { handshakeStatus: 403 };
  await explained(/forbids the connection/);
  fake.behaviour = {};
  await worker.settled();
  assert.equal(worker.connection.snapshot().lastError, null);
});

Deno.test("WorkerConnection gives up a handshake that is never acknowledged", async () => {
  await using fake = startFakeLivekit({ isRegistering: false });
  await using worker = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    timings: { handshakeTimeoutMs: 100 },
  });
  const { explanation } = await eventually(() => worker.connection.snapshot().lastError);
  assert.match(explanation, /did not complete the handshake within 100 ms/);
  fake.behaviour = {};
  await worker.settled();
});

Deno.test("WorkerConnection explains a connection that ends before the acknowledgement", async () => {
  await using fake = startFakeLivekit({ isRegistering: false });
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  (await fake.registered()).cut();
  const { explanation } = await eventually(() => worker.connection.snapshot().lastError);
  assert.match(explanation, /before it acknowledged the registration/);
});

Deno.test("WorkerConnection keeps code and reason of a close frame", async () => {
  await using fake = startFakeLivekit();
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS } });
  await (await fake.registered()).close(1011, "boom");
  const { code, reason, explanation } = await eventually(() => worker.connection.snapshot().lastClose);
  assert.deepEqual([code, reason], [1011, "boom"]);
  assert.match(explanation, /internal error/);
});

Deno.test("WorkerConnection stops within its goodbye time also when the peer is silent", async () => {
  await using fake = startFakeLivekit({ isRegistering: false });
  const registering = startRecordedWorker({
    server: { ...fake, ...CREDENTIALS },
    timings: { handshakeTimeoutMs: 600_000 },
  });
  await fake.registered();
  await registering[Symbol.asyncDispose]();
  assert.equal(registering.connection.snapshot().state, "stopped");
});

Deno.test("WorkerConnection logs messages for LIVEKIT_WS_DEBUG without tokens", async () => {
  await using fake = startFakeLivekit();
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "json", write: (line) => lines.push(line) });
  await using worker = startRecordedWorker({ server: { ...fake, ...CREDENTIALS }, logger, isDebug: true });
  const connection = await fake.registered();
  await assign(connection, "AJ_1");
  await eventually(() => worker.assignments.length === 1);
  const log = lines.join("\n");
  assert.ok(log.includes("worker message received") && log.includes("AJ_1") && log.includes("[removed]"));
  assert.ok(!log.includes("secret-token") && !log.includes(connection.authorization.slice(7)));
});
