/** Each way in which a job can end is recorded apart, true to what happened, and frees the slot. */
import assert from "node:assert/strict";
import { RoomServiceClient } from "livekit-server-sdk";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo", "exits", "overruns", "shuts_down", "spins", "talks", "throws"],
    env: {
      GREENROOM_WARM_SLOTS: "0",
      MAX_CONCURRENT_JOBS: "2",
      GREENROOM_SHUTDOWN_GRACE_MS: "500",
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "1",
    },
  });
});
Deno.test.afterAll(() => greenroom?.stop());

interface End {
  dispatch: string;
  job: string;
  reason: string;
  kind?: string;
  exitCode?: number;
  signal?: string;
}

/** Waits for the dispatch's end, checks that slot and both records agree, and gives what was recorded. */
async function endOf(id: string): Promise<End> {
  await greenroom.dispatchIn(["succeeded", "failed", "cancelled"], id);
  await greenroom.allSlotsFree();
  const { dispatch, job } = await eventually(() => agreeingRecords(id), { what: "records that agree" });
  assert.ok(job.stages.endedAt);
  assert.equal(dispatch.stages.endedAt, job.stages.endedAt);
  const { failure } = job;
  // What went wrong while a cancelled job ended is a note on the job.
  assert.equal(dispatch.failure?.code, job.state === "failed" ? failure.kind : undefined);
  if (dispatch.failure !== null) assert.ok(dispatch.failure.remedy.length > 0 && dispatch.failure.message.length > 0);
  return {
    dispatch: dispatch.state,
    job: job.state,
    reason: job.endReason,
    ...(failure === null ? {} : { kind: failure.kind }),
    ...(failure?.exitCode == null ? {} : { exitCode: failure.exitCode }),
    ...(failure?.signal == null ? {} : { signal: failure.signal }),
  };
}

/** What the job's process has used is noted beside its end, and may come between the two reads. */
async function agreeingRecords(id: string) {
  const dispatch = await greenroom.get(`/api/v1/dispatches/${id}`);
  const [job, ...others] = dispatch.jobs;
  assert.deepEqual(others, []);
  const { progress: _ofOneJob, ...alone } = await greenroom.get(`/api/v1/jobs/${job.id}`);
  assert.deepEqual(alone, job);
  return { dispatch, job };
}

// deno-lint-ignore no-explicit-any
async function startEcho(room: string): Promise<any> {
  const { status, body } = await greenroom.dispatch({ agent: "echo", room });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

const FAILED = { dispatch: "failed", job: "failed" };
const SUCCEEDED = { dispatch: "succeeded", job: "succeeded" };
const CANCELLED = { dispatch: "cancelled", job: "cancelled" };

Deno.test("a job whose process is killed is recorded as failed by that signal", async () => {
  const { id, jobs: [job] } = await startEcho("killed");
  Deno.kill(job.pid, "SIGKILL");
  assert.deepEqual(await endOf(id), { ...FAILED, reason: "process_gone", kind: "signal", signal: "SIGKILL" });
});

Deno.test("a job whose entry throws is recorded as failed with the exception, its stack in the job's log", async () => {
  const { status, body } = await greenroom.dispatch({ agent: "throws", room: "throws" });
  assert.equal(status, 502);
  assert.equal(body.code, "exception");
  assert.match(body.detail, /thrown on purpose/);
  assert.deepEqual(await endOf(body.dispatch.id), { ...FAILED, reason: "entry_threw", kind: "exception" });
  const [job] = body.dispatch.jobs;
  assert.match(job.failure.message, /thrown on purpose/);
  const { items } = await greenroom.get(`/api/v1/jobs/${job.id}/logs`);
  const line = items.at(-1);
  assert.equal(line.level, "error");
  assert.match(line.message, /RangeError: thrown on purpose\n\s+at .*throws\.ts:\d+/);
});

Deno.test("a job whose agent calls Deno.exit is recorded as failed with the exit code", async () => {
  const { status, body } = await greenroom.dispatch({ agent: "exits", room: "exits" });
  assert.equal(status, 502);
  assert.deepEqual(await endOf(body.dispatch.id), { ...FAILED, reason: "process_gone", kind: "exit", exitCode: 3 });
});

Deno.test("a job whose event loop is stuck is found, killed and recorded as unresponsive", async () => {
  const { body } = await greenroom.dispatch({ agent: "spins", room: "spins" }, "");
  await greenroom.dispatchIn(["failed"], body.id);
  const end = await endOf(body.id);
  assert.deepEqual(end, { ...FAILED, reason: "process_gone", kind: "unresponsive", signal: "SIGKILL" });
});

Deno.test("a job whose room is deleted is recorded as succeeded, because the room closed", async () => {
  const { id } = await startEcho("deleted");
  await deleteRoom("deleted");
  assert.deepEqual(await endOf(id), { ...SUCCEEDED, reason: "room_closed" });
});

Deno.test("a job whose agent is removed from the room is recorded as ended by that", async () => {
  const { id, jobs: [job] } = await startEcho("removed");
  const { api } = await greenroom.livekit();
  assert.ok(await api.removeParticipant("removed", job.participantIdentity));
  assert.deepEqual(await endOf(id), { ...SUCCEEDED, reason: "removed_from_room" });
});

Deno.test("a job whose agent calls ctx.shutdown is recorded as succeeded, after its shutdown callbacks", async () => {
  const { status, body } = await greenroom.dispatch({ agent: "shuts_down", room: "shuts-down" }, "wait=done");
  assert.equal(status, 201);
  assert.deepEqual(await endOf(body.id), { ...SUCCEEDED, reason: "shutdown_requested" });
  const { items } = await greenroom.get(`/api/v1/jobs/${body.jobs[0].id}/logs`);
  const callback = items.find(({ message }: { message: string }) => message === "shutdown callback");
  assert.deepEqual(callback.fields, { reason: "shutdown_requested" });
});

Deno.test("a job whose entry returns is recorded as succeeded, its output kept with level and order", async () => {
  const { body } = await greenroom.dispatch({ agent: "talks", room: "talks" }, "wait=done");
  assert.deepEqual(await endOf(body.id), { ...SUCCEEDED, reason: "entry_returned" });
  const { items } = await greenroom.get(`/api/v1/jobs/${body.jobs[0].id}/logs`);
  const said = items.filter(({ message }: { message: string }) => /^(first|second|third|fourth)/.test(message));
  assert.deepEqual(said.map(({ level, message, fields }: Record<string, unknown>) => [level, message, fields]), [
    ["debug", "first, by log", null],
    ["info", "second, by console", null],
    ["warn", "third, with fields", { count: 3 }],
    ["error", "fourth", null],
  ]);
  for (const line of said) assert.deepEqual([line.jobId, line.attempt], [body.jobs[0].id, 1]);
});

Deno.test("a job that is cancelled through its dispatch, or by itself, is recorded as cancelled", async () => {
  const first = await startEcho("cancel-dispatch");
  assert.equal((await greenroom.call("DELETE", `/api/v1/dispatches/${first.id}`)).status, 202);
  assert.deepEqual(await endOf(first.id), { ...CANCELLED, reason: "cancelled" });
  assert.equal((await greenroom.call("DELETE", `/api/v1/dispatches/${first.id}`)).status, 200);

  const second = await startEcho("cancel-job");
  assert.equal((await greenroom.call("POST", `/api/v1/jobs/${second.jobs[0].id}/cancel`)).status, 202);
  assert.deepEqual(await endOf(second.id), { ...CANCELLED, reason: "cancelled" });
});

Deno.test("a job that does not end when it is cancelled is killed after its grace, and stays cancelled", async () => {
  const { body } = await greenroom.dispatch({ agent: "overruns", room: "overruns" }, "");
  await greenroom.dispatchIn(["running"], body.id);
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  await greenroom.dispatchIn(["cancelled"], body.id);
  const end = await endOf(body.id);
  assert.deepEqual(end, { ...CANCELLED, reason: "cancelled", kind: "shutdown_overrun", signal: "SIGKILL" });
});

Deno.test("a failed dispatch can be retried as a new one with retryOf; one that runs answers 409", async () => {
  const failed = await greenroom.dispatch({ agent: "throws", room: "again", metadata: { n: 1 }, priority: "high" });
  const { id } = failed.body.dispatch;
  const retried = await greenroom.call("POST", `/api/v1/dispatches/${id}/retry`, { metadata: { n: 2 } });
  assert.equal(retried.status, 201);
  const { id: newId, agent, room, priority, retryOf, origin, metadata } = retried.body;
  assert.notEqual(newId, id);
  assert.deepEqual({ agent, room, priority, retryOf, origin, metadata }, {
    agent: "throws",
    room: "again",
    priority: "high",
    retryOf: id,
    origin: "retry",
    metadata: { n: 2 },
  });
  await greenroom.dispatchIn(["failed"], newId);

  const running = await startEcho("still-there");
  const refused = await greenroom.call("POST", `/api/v1/dispatches/${running.id}/retry`);
  assert.deepEqual([refused.status, refused.body.code], [409, "not_ended"]);
});

async function deleteRoom(room: string): Promise<void> {
  const { url, apiKey, apiSecret } = await greenroom.livekit();
  await new RoomServiceClient(url.replace("ws:", "http:"), apiKey, apiSecret).deleteRoom(room);
}
