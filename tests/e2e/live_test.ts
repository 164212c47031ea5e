import assert from "node:assert/strict";
import { EventReader, type ReadEvent } from "../support/event_reader.ts";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo", "throws", "talks", "traces"],
    env: { GREENROOM_RECOVERY_MAX_ATTEMPTS: "1" },
  });
  await greenroom.logged("registered with LiveKit");
});
Deno.test.afterAll(() => greenroom?.stop());

async function open(path: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const response = await fetch(greenroom.url + path, { headers: { ...greenroom.authorization, ...headers } });
  assert.equal(response.status, 200, await (response.ok ? "" : response.text()));
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  assert.ok(response.body);
  return new EventReader(response.body);
}

function stagesOf(events: ReadEvent[]): string[] {
  return events.filter(({ event }) => event === "stage").map(({ data }) => data.stage);
}

async function metric(name: string): Promise<number | null> {
  const text = (await greenroom.call("GET", "/metrics")).body as string;
  const line = text.split("\n").find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  return line === undefined ? null : Number(line.split(" ").at(-1));
}

Deno.test("a dispatch's events tell its stages, its agent's output and its end, as they happen", async () => {
  const { body } = await greenroom.dispatch({ agent: "talks", room: "live-talks" }, "wait=none");
  await using reader = await open(`/api/v1/dispatches/${body.id}/events`);
  const events = await reader.rest();
  assert.deepEqual(stagesOf(events), ["requested", "assigned", "entered", "connected", "ready", "ended"]);
  const messages = events.filter(({ event }) => event === "log").map(({ data }) => data.message);
  assert.ok(messages.includes("first, by log") && messages.includes("fourth"), messages.join());
  const end = events.find(({ event }) => event === "end");
  assert.equal(end?.data.state, "succeeded");
});

Deno.test("the events of an ended dispatch are its stages, and a browser that reconnects is told to stop", async () => {
  const { body } = await greenroom.dispatch({ agent: "throws", room: "live-throws" }, "wait=done");
  const { id } = body.dispatch ?? body;
  const path = `/api/v1/dispatches/${id}/events`;
  const events = await (await open(path)).rest();
  assert.deepEqual(stagesOf(events), ["requested", "assigned", "entered", "ended"]);
  assert.equal(events.find(({ event }) => event === "end")?.data.failure.code, "exception");
  const lastId = events.at(-1)?.id;
  assert.ok(lastId);
  const again = await greenroom.call("GET", path, undefined, { "last-event-id": lastId });
  assert.equal(again.status, 204);
});

Deno.test("a client of dispatches and fleet sees every change, and resumes where it was", async () => {
  const reader = await open("/api/v1/events?topics=dispatches,fleet");
  const { body } = await greenroom.dispatch({ agent: "echo", room: "live-resume" });
  const ready = await reader.until(({ event, data }) => event === "dispatch" && data.stages.readyAt !== null);
  assert.equal(ready.data.id, body.id);
  assert.equal("metadata" in ready.data, false);
  const fleet = await reader.until(({ event, data }) => event === "fleet" && data.slots.used === 1);
  await reader.cancel();
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  await greenroom.dispatchIn(["cancelled"], body.id);
  await using second = await open("/api/v1/events?topics=dispatches,fleet", { "last-event-id": fleet.id ?? "" });
  const missed = await second.take(2);
  assert.equal(missed.some(({ event }) => event === "gap"), false);
  const ended = missed.find(({ event }) => event === "dispatch") ??
    await second.until(({ event }) => event === "dispatch");
  assert.equal(ended.data.state, "cancelled");
});

Deno.test("a cancelled dispatch that only waited is told too", async () => {
  await using reader = await open("/api/v1/events?topics=dispatches");
  const { status, body } = await greenroom.dispatch(
    { agent: "echo", room: "live-queued", placement: "livekit" },
    "wait=none",
  );
  assert.equal(status, 201);
  const first = await reader.until(({ event }) => event === "dispatch");
  assert.equal(first.data.id, body.id);
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  const end = await reader.until(({ event, data }) => event === "dispatch" && data.stages.endedAt !== null);
  assert.equal(end.data.state, "cancelled");
});

Deno.test("a client that disconnects frees its stream", async () => {
  // Those of the tests before may still be on their way out.
  const clients = async () => await metric("greenroom_sse_clients") ?? 0;
  await eventually(async () => await clients() === 0, { what: "no stream" });
  const readers = await Promise.all([1, 2, 3].map(() => open("/api/v1/events?topics=load")));
  for (const reader of readers) await reader.next();
  assert.equal(await clients(), 3);
  for (const reader of readers) await reader.cancel();
  await eventually(async () => await clients() === 0, { what: "all streams freed" });
});

for (const query of ["", "topics=", "topics=jobs", "topics=dispatch:1"]) {
  Deno.test(`GET /events?${query} is refused with what is wrong`, async () => {
    const { status, body } = await greenroom.call("GET", `/api/v1/events?${query}`);
    assert.equal(status, 400);
    assert.equal(body.errors[0].path, "topics");
  });
}

Deno.test("a trace has the dispatch, its job, its stages and the agent's spans, under the caller's span", async () => {
  const [traceId, callerSpan] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
  const { body } = await greenroom.call(
    "POST",
    "/api/v1/dispatches?wait=done",
    { agent: "traces", room: "live-traces" },
    { traceparent: `00-${traceId}-${callerSpan}-01` },
  );
  // deno-lint-ignore no-explicit-any
  type Span = any;
  const spans: Span[] = await eventually(async () => {
    const trace = await greenroom.get(`/api/v1/dispatches/${body.id}/trace`);
    return trace.spans.some(({ name }: Span) => name === "leave") ? trace.spans : null;
  }, { what: "a whole trace" });
  const named = (name: string): Span => spans.find((span) => span.name === name) ?? assert.fail(`no span ${name}`);
  const parentOf = (name: string): string => named(name).parentSpanId;
  assert.equal(parentOf("dispatch"), callerSpan);
  for (const name of ["queue wait", "job.process"]) assert.equal(parentOf(name), named("dispatch").spanId, name);
  for (const name of ["slot", "connect", "ready", "run", "leave", "outer", "broken"]) {
    assert.equal(parentOf(name), named("job.process").spanId, name);
  }
  assert.equal(parentOf("inner"), named("outer").spanId);
  assert.deepEqual([...new Set(spans.map((span) => span.traceId))], [traceId]);
  assert.deepEqual(named("inner").attributes, { step: 2 });
  assert.equal(named("broken").status, "error");
  const { attributes } = named("job.process");
  assert.equal(attributes["job.id"], body.jobs[0].id);
  assert.equal(attributes["job.type"], "room");
  assert.equal(attributes["room.name"], "live-traces");
});

Deno.test("the trace of a running dispatch has its stages so far", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "live-open-trace" });
  const trace = await greenroom.get(`/api/v1/dispatches/${body.id}/trace`);
  assert.equal(trace.isOpen, true);
  const names = trace.spans.map(({ name }: { name: string }) => name);
  for (const name of ["dispatch", "job.process", "slot", "connect", "ready", "run"]) {
    assert.ok(names.includes(name), name);
  }
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
});

Deno.test("/metrics counts jobs by agent, under the names that LiveKit's agents have", async () => {
  await eventually(async () => (await metric('livekit_agent_jobs_failed_total{agent="throws"}')) === 1);
  assert.equal(await metric('livekit_agent_jobs_started_total{agent="talks"}'), 1);
  assert.equal(await metric('livekit_agent_jobs_completed_total{agent="talks"}'), 1);
  assert.equal(await metric('livekit_agent_job_duration_seconds_count{agent="talks"}'), 1);
  for (const name of ["livekit_agent_active_jobs", "livekit_agent_worker_load"]) {
    assert.notEqual(await metric(`${name}{agent="echo"}`), null, name);
  }
});

Deno.test("a sample comes every 5 s, is told to listeners and kept for charts", async () => {
  await using reader = await open("/api/v1/events?topics=load");
  const { data } = await reader.until(({ event }) => event === "load");
  assert.equal(data.maxJobs, 20);
  assert.ok(data.memoryBytes > 10_000_000);
  await eventually(async () => {
    const { lines } = await greenroom.get("/api/v1/metrics-history?metrics=max_jobs,jobs_succeeded");
    return lines.find(({ metric }: { metric: string }) => metric === "max_jobs")?.points.at(-1)[1] === 20;
  }, { what: "a stored sample" });
});

Deno.test("GET /overview tells headroom, the last hour and what is wrong", async () => {
  const overview = await eventually(async () => {
    const found = await greenroom.get("/api/v1/overview");
    return found.headroom.calls === 20 && found.lastHour.succeeded > 0 ? found : null;
  }, { what: "a free instance that has had jobs" });
  assert.equal(overview.instances.length, 1);
  assert.ok(overview.instances[0].heartbeatAgeMs < 8_000);
  assert.ok(overview.lastHour.failed >= 1);
  assert.ok(overview.ready.p50Ms > 0);
  assert.ok(Array.isArray(overview.problems));
  assert.equal(overview.agents.find(({ name }: { name: string }) => name === "echo").state, "ready");
});
