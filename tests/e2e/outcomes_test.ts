/** Ends are told apart with what they mean: classes of errors, limits, flags, what LiveKit is told; and a job's output and profiles. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { EventReader } from "../support/event_reader.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

let livekit: TestLivekit;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  greenroom = await Greenroom.start({
    agents: ["echo", "fails", "lingers", "lonely", "overruns", "reconnects", "says", "talks"],
    livekit,
    env: {
      GREENROOM_WARM_SLOTS: "0",
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "1",
      GREENROOM_SHUTDOWN_GRACE_MS: "1500",
      GREENROOM_NEVER_CONNECTED_MS: "500",
      GREENROOM_NEVER_READY_MS: "500",
    },
  });
  await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.length === 8 &&
      items.every((worker: { connection: { state: string } }) => worker.connection.state === "registered");
  }, { withinMs: 20_000, what: "registered workers" });
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await livekit?.stop();
});

const ENDED = ["succeeded", "failed", "cancelled"];

/** The dispatch and its job when it has ended; both records agree. */
async function endedOf(id: string, withinMs = 15_000) {
  const dispatch = await greenroom.dispatchIn(ENDED, id, withinMs);
  const [job] = dispatch.jobs;
  assert.deepEqual((await greenroom.get(`/api/v1/jobs/${job.id}`)).failure, job.failure);
  return { dispatch, job };
}

/** What LiveKit's server noted as the end of its job. */
function notedEnd(livekitJobId: string) {
  const noted = () =>
    livekit.lines.filter((line) => line.includes('"msg":"job ended"')).map((line) => JSON.parse(line))
      .find(({ jobID }) => jobID === livekitJobId);
  return eventually(noted, { what: `LiveKit's note of the end of ${livekitJobId}` });
}

async function logsOf(jobId: string): Promise<string[]> {
  const { items } = await greenroom.get(`/api/v1/jobs/${jobId}/logs`);
  return items.map(({ message }: { message: string }) => message);
}

const CLASSES = [
  { how: "retryable", class: "retryable", retryAfterMs: 2_000, advice: /Try again.*after 2 s/ },
  { how: "network", class: "network", retryAfterMs: null, advice: /Try again/ },
  { how: "fatal", class: "fatal", retryAfterMs: null, advice: /Do not try again/ },
  { how: "validation", class: "validation", retryAfterMs: null, advice: /other input/ },
  { how: "other", class: "unknown", retryAfterMs: null, advice: /read the error/ },
];

for (const expected of CLASSES) {
  Deno.test(`a job that ends by an error of class ${expected.class} says so, with the advice, and LiveKit hears the text`, async () => {
    const { how } = expected;
    const { body } = await greenroom.dispatch(
      { agent: "fails", room: `fails-${how}`, metadata: { how }, placement: "livekit" },
      "",
    );
    const { job } = await endedOf(body.id);
    const { failure } = job;
    assert.deepEqual([job.state, failure.kind], ["failed", "exception"]);
    assert.deepEqual([failure.class, failure.retryAfterMs], [expected.class, expected.retryAfterMs]);
    assert.match(failure.advice, expected.advice);
    const { status, error } = await notedEnd(job.livekitJobId);
    assert.deepEqual([status, error], ["JS_FAILED", failure.message]);
  });
}

Deno.test("a job that runs into its metadata's timeout fails as DEADLINE_EXCEEDED, and its agent does not see that field", async () => {
  const metadata = { connect: true, timeout: 0.7 };
  const { body } = await greenroom.dispatch({ agent: "lingers", room: "late", metadata, placement: "livekit" }, "");
  const { dispatch, job } = await endedOf(body.id);
  assert.deepEqual([job.state, job.endReason, job.failure.kind], ["failed", "deadline", "deadline_exceeded"]);
  assert.deepEqual([dispatch.failure.code, dispatch.failure.errorStatus], ["deadline_exceeded", "DEADLINE_EXCEEDED"]);
  assert.match(job.failure.message, /its limit of 0.7 s/);
  assert.ok((await logsOf(job.id)).includes("last words"));
  const { status, error } = await notedEnd(job.livekitJobId);
  assert.equal(status, "JS_FAILED");
  assert.match(error, /^DEADLINE_EXCEEDED: /);
});

Deno.test("metadata that the agent refuses is INVALID_REQUEST, over REST and to LiveKit", async () => {
  const refused = await greenroom.dispatch({ agent: "lingers", room: "wrong", metadata: { connect: "yes" } });
  assert.deepEqual([refused.status, refused.body.code, refused.body.errorStatus], [
    422,
    "invalid_metadata",
    "INVALID_REQUEST",
  ]);
  await livekit.api.createDispatch({ agentName: "lingers", room: "wrong", metadata: '{"connect":"yes"}' });
  const { dispatch } = await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/dispatches?room=wrong&state=failed");
    return items[0] && { dispatch: items[0] };
  }, { what: "the recorded refusal" });
  assert.equal(dispatch.failure.errorStatus, "INVALID_REQUEST");
  const noted = () =>
    livekit.lines.find((line) => line.includes('"msg":"job ended"') && line.includes("INVALID_REQUEST"));
  await eventually(noted, { what: "LiveKit's note of the refusal" });
});

Deno.test("a job that no human shares its room with ends as succeeded, because it was alone", async () => {
  const { body } = await greenroom.dispatch({ agent: "lonely", room: "alone" });
  const { job } = await endedOf(body.id);
  assert.deepEqual([job.state, job.endReason, job.failure], ["succeeded", "alone", null]);
});

Deno.test("a job that never connects, or never says that it is ready, is flagged and goes on", async () => {
  for (const [connect, flag] of [[false, "never_connected"], [true, "never_ready"]] as const) {
    const { body } = await greenroom.dispatch({ agent: "lingers", room: `flag-${flag}`, metadata: { connect } }, "");
    const flagged = await eventually(async () => {
      const dispatch = await greenroom.get(`/api/v1/dispatches/${body.id}`);
      return dispatch.jobs[0]?.flags.includes(flag) ? dispatch : null;
    }, { what: `flag ${flag}` });
    assert.equal(flagged.state, "running");
    assert.equal(flagged.jobs[0].stages.connectedAt !== null, connect);
    await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
    const { job } = await endedOf(body.id);
    assert.deepEqual([job.state, job.flags.includes(flag)], ["cancelled", true]);
    assert.ok((await logsOf(job.id)).some((line) => /within 0.5 s/.test(line)));
  }
});

Deno.test("a cancelled job that had to be killed stays cancelled and notes that", async () => {
  const { body } = await greenroom.dispatch({ agent: "overruns", room: "killed" }, "");
  await greenroom.dispatchIn(["running"], body.id);
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  const { dispatch, job } = await endedOf(body.id);
  assert.deepEqual([dispatch.state, dispatch.failure, job.state], ["cancelled", null, "cancelled"]);
  assert.deepEqual([job.failure.kind, job.failure.signal, job.failure.class], ["shutdown_overrun", "SIGKILL", null]);
});

Deno.test("a live call outlives the false termination of a full reconnect, and ends when its dispatch is deleted then", async () => {
  const room = "reconnect";
  await using human = await greenroom.human(room);
  const { body } = await greenroom.dispatch({ agent: "reconnects", room, placement: "livekit" });
  const [job] = body.jobs;
  const firstSid = (await livekit.api.getParticipant(room, job.participantIdentity)).sid;
  await human.sendData("reconnect", "now");
  await greenroom.logged("LiveKit asked to end a job whose agent is in its room");
  await eventually(async () => (await logsOf(job.id)).includes("reconnected"), { what: "the agent's reconnect" });
  const { sid } = await livekit.api.getParticipant(room, job.participantIdentity);
  assert.notEqual(sid, firstSid);
  assert.equal((await greenroom.get(`/api/v1/jobs/${job.id}`)).state, "running");

  const placed = (await livekit.api.listDispatches(room)).find(({ agentName }) => agentName === "reconnects");
  await livekit.api.deleteDispatch(room, placed?.id ?? "");
  const ended = await endedOf(body.id);
  assert.deepEqual([ended.job.state, ended.job.endReason], ["cancelled", "terminated_by_livekit"]);
});

Deno.test("an agent that is removed from its room ends by that, not by the termination that LiveKit sends too", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "removed", placement: "livekit" });
  assert.ok(await livekit.api.removeParticipant("removed", body.jobs[0].participantIdentity));
  const { job } = await endedOf(body.id);
  assert.deepEqual([job.state, job.endReason], ["succeeded", "removed_from_room"]);
});

async function followLogs(
  jobId: string,
  lastEventId?: string,
): Promise<{ status: number; reader: EventReader | null }> {
  const response = await fetch(`${greenroom.url}/api/v1/jobs/${jobId}/logs`, {
    headers: {
      ...greenroom.authorization,
      accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
  });
  if (response.status !== 200 || !response.body) return { status: response.status, reader: null };
  return { status: 200, reader: new EventReader(response.body) };
}

Deno.test("a job's output is followed live to its end, resumed without loss or repetition, and read again after it", async () => {
  const room = "output";
  await using human = await greenroom.human(room);
  const { body } = await greenroom.dispatch({ agent: "says", room });
  const jobId = body.jobs[0].id;
  const first = (await followLogs(jobId)).reader;
  assert.ok(first);
  await human.sendData("say", "one");
  const one = await first.until(({ data }) => data.message === "one");
  assert.deepEqual([one.event, one.data.level, one.data.attempt, one.data.jobId], ["log", "info", 1, jobId]);
  await first.cancel();

  await human.sendData("say", "two");
  const { reader: resumed } = await followLogs(jobId, one.id ?? "");
  assert.ok(resumed);
  assert.equal((await resumed.take(1))[0]?.data.message, "two");
  await human.sendData("say", "bye");
  const rest = await resumed.rest();
  const end = rest.at(-1);
  assert.deepEqual([end?.event, end?.data.state, end?.data.endReason], ["end", "succeeded", "shutdown_requested"]);
  assert.equal((await followLogs(jobId, end?.id ?? "")).status, 204);

  const again = await (await followLogs(jobId)).reader?.rest() ?? [];
  assert.deepEqual(again.filter(({ event }) => event === "log").map(({ data }) => data.message), await logsOf(jobId));
  assert.equal(again.at(-1)?.event, "end");
});

Deno.test("an admin takes profiles of a job and of the instance; others and jobs that have ended are refused", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "profiled" });
  const path = `/api/v1/jobs/${body.jobs[0].id}/profile`;
  const cpu = () => greenroom.call("POST", `${path}?kind=cpu&seconds=1`);
  // Either may come first; on a slow machine the second may come when the first one's second is over.
  const [taken, refused] = await eventually(async () => {
    const both = (await Promise.all([cpu(), cpu()])).sort((a, b) => a.status - b.status);
    return both[1]?.status === 409 ? both : null;
  }, { what: "a refusal while a profile is taken" });
  assert.deepEqual([taken?.status, refused?.body.code], [200, "profile_busy"]);
  assert.match(taken?.headers.get("content-disposition") ?? "", /job-.*\.cpuprofile/);
  assert.ok(JSON.parse(taken?.body).samples.length > 0);

  const allocations = await greenroom.call("POST", `${path}?kind=allocations&seconds=1`);
  assert.ok(JSON.parse(allocations.body).head, allocations.body.slice(0, 200));
  const heap = await greenroom.call("POST", `${path}?kind=heap`);
  assert.equal(heap.status, 200, JSON.stringify(heap.body).slice(0, 300));
  assert.ok(JSON.parse(heap.body).snapshot.meta);
  assert.equal((await greenroom.get(`/api/v1/jobs/${body.jobs[0].id}`)).state, "running");

  const { instance } = await greenroom.get("/health");
  const own = await greenroom.call("POST", `/api/v1/instances/${instance}/profile?kind=cpu&seconds=1`);
  assert.ok(JSON.parse(own.body).nodes.length > 0);
  assert.equal((await greenroom.call("POST", `/api/v1/instances/${body.id}/profile`)).status, 404);

  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  await endedOf(body.id);
  await greenroom.allSlotsFree();
  const late = await greenroom.call("POST", path);
  assert.deepEqual([late.status, late.body.code], [409, "job_not_running"]);
  const { items } = await greenroom.get("/api/v1/audit");
  const audited = items.filter(({ action }: { action: string }) => action.endsWith(".profile"));
  assert.ok(audited.length >= 5);

  const viewer = await greenroom.call("POST", "/api/v1/keys", { name: "watcher", role: "operator" });
  const denied = await greenroom.call("POST", path, undefined, { authorization: `Bearer ${viewer.body.key}` });
  assert.equal(denied.status, 403);
});
