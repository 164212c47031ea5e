import assert from "node:assert/strict";
import { ControlPlaneError } from "../../../core/agent/errors.ts";
import type { JobLog } from "../../../core/agent/job_context.ts";
import { AuthorMetrics } from "../../../core/runtime/child/author_metrics.ts";
import { checkpointStore } from "../../../core/runtime/child/checkpoints.ts";
import { ControlRequests } from "../../../core/runtime/child/control_requests.ts";
import { JobLinks } from "../../../core/runtime/child/job_links.ts";
import { Heartbeat, ProgressReports } from "../../../core/runtime/child/job_signals.ts";
import type { ChildMessage } from "../../../core/runtime/messages.ts";

function channel() {
  const sent: ChildMessage[] = [];
  const closed = Promise.withResolvers<void>();
  return {
    sent,
    isOpen: true,
    closed: closed.promise,
    close: closed.resolve,
    send: (m: ChildMessage) => !!sent.push(m),
  };
}

const lines: unknown[] = [];
const note = (...args: unknown[]) => void lines.push(args);
const log: JobLog = { debug: note, info: note, warn: note, error: note };
const codeOf = (code: string) => (error: unknown) => error instanceof ControlPlaneError && error.code === code;

Deno.test("ControlRequests settles each request by its answer, whatever the order", async () => {
  const parent = channel();
  const requests = new ControlRequests({ jobId: "j", channel: parent });
  const [first, second] = [requests.call("a", { n: 1 }), requests.call("b")];
  const ids = parent.sent.map((message) => message.type === "request" ? message.requestId : null) as number[];
  requests.answered({ type: "reply", jobId: "j", requestId: ids[1]!, ok: false, error: { code: "no", message: "m" } });
  requests.answered({ type: "reply", jobId: "j", requestId: ids[0]!, ok: true, value: 3 });
  requests.answered({ type: "reply", jobId: "j", requestId: 99, ok: true });
  assert.equal(await first, 3);
  await assert.rejects(second, codeOf("no"));
});

Deno.test("ControlRequests rejects what gets no answer in time, can't be said as JSON, is too much or has nobody to ask", async () => {
  const parent = channel();
  const requests = new ControlRequests({ jobId: "j", channel: parent, timeoutMs: 5 });
  await assert.rejects(requests.call("a"), codeOf("timeout"));
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  await assert.rejects(requests.call("a", circular), codeOf("invalid"));
  await assert.rejects(requests.call("a", { text: "x".repeat(1_100_000) }), codeOf("too_large"));
  const many = Array.from({ length: 33 }, () => requests.call("a"));
  await assert.rejects(many[32]!, codeOf("too_many_requests"));
  parent.close();
  for (const each of many.slice(0, 32)) await assert.rejects(each, codeOf("gone"));
  parent.isOpen = false;
  await assert.rejects(requests.call("a"), codeOf("gone"));
});

Deno.test("checkpointStore loads what came with the job or was saved last without asking, else asks once", async () => {
  const asked: string[] = [];
  const call = (method: string) => {
    asked.push(method);
    return Promise.resolve(method === "checkpoint.save" ? { version: 4 } : { data: { turn: 1 } });
  };
  const given = checkpointStore({ call }, { data: { turn: 2 } });
  assert.deepEqual(await given.load(), { turn: 2 });
  const store = checkpointStore({ call }, undefined);
  assert.deepEqual([await store.load(), await store.load()], [{ turn: 1 }, { turn: 1 }]);
  assert.equal(await store.save({ turn: 5 }), 4);
  assert.deepEqual(await store.load(), { turn: 5 });
  await assert.rejects(store.save(undefined), codeOf("invalid"));
  assert.deepEqual(asked, ["checkpoint.load", "checkpoint.save"]);
});

Deno.test("JobLinks hands a delivered message to the topic's handlers, and one that fails hinders no other", async () => {
  const call = () => Promise.resolve(1);
  const links = new JobLinks({ requests: { call }, signal: new AbortController().signal, log });
  const heard: unknown[] = [];
  await links.subscribe("turn", () => Promise.reject(new Error("on purpose")));
  const subscription = await links.subscribe("turn", ({ data, from }) => void heard.push([data, from.jobId]));
  const message = { type: "deliver" as const, jobId: "j", topic: "turn", scope: "room" as const, data: 1 };
  const from = { jobId: "other", agent: "a", room: "r" };
  links.receive({ ...message, from });
  links.receive({ ...message, scope: "everywhere", from });
  await subscription.unsubscribe();
  links.receive({ ...message, from });
  assert.deepEqual(heard, [[1, "other"]]);
});

Deno.test("JobLinks: a candidate leads when it is told so, and no longer when it resigns or the job ends", async () => {
  const ending = new AbortController();
  const call = (method: string) => Promise.resolve(method === "leader.campaign" ? { term: null } : null);
  const links = new JobLinks({ requests: { call }, signal: ending.signal, log });
  const [mixer, recorder] = [await links.electLeader("mixer"), await links.electLeader("recorder")];
  assert.equal(await links.electLeader("mixer"), mixer);
  assert.deepEqual([mixer.isLeader, mixer.term], [false, null]);
  links.receive({ type: "elected", jobId: "j", name: "mixer", term: 3 });
  await mixer.elected;
  assert.deepEqual([mixer.isLeader, mixer.term], [true, 3]);
  await mixer.resign();
  assert.deepEqual([mixer.isLeader, mixer.signal.aborted], [false, true]);
  ending.abort(new Error("over"));
  await assert.rejects(recorder.elected, /over/);
});

Deno.test("AuthorMetrics of a child adds up counters, keeps the last gauge and each observation, and sends them together", () => {
  const sent: ChildMessage[] = [];
  const metrics = new AuthorMetrics("j", (message) => void sent.push(message), log);
  metrics.counter("turns").add();
  metrics.counter("turns").add(2);
  metrics.counter("turns").add(1, { language: "de" });
  metrics.gauge("backlog").set(3);
  metrics.gauge("backlog").set(1);
  for (const seconds of [0.1, 0.2]) metrics.histogram("reply").observe(seconds);
  metrics.flush();
  metrics.flush();
  assert.deepEqual(sent, [{
    type: "metrics",
    jobId: "j",
    points: [
      { kind: "counter", name: "turns", value: 3 },
      { kind: "counter", name: "turns", value: 1, labels: { language: "de" } },
      { kind: "gauge", name: "backlog", value: 1 },
      { kind: "histogram", name: "reply", value: 0.1 },
      { kind: "histogram", name: "reply", value: 0.2 },
    ],
  }]);
  assert.throws(() => metrics.counter("has space"), TypeError);
  assert.throws(() => metrics.counter("turns").add(-1), RangeError);
  assert.throws(() => metrics.gauge("x").set(NaN), RangeError);
});

Deno.test("ProgressReports sends the first value at once and the last one at the end, not each", () => {
  const sent: ChildMessage[] = [];
  const progress = new ProgressReports("j", (message) => void sent.push(message));
  for (const step of [1, 2, 3]) progress.note({ step });
  progress.flush();
  assert.deepEqual(sent.map((message) => message.type === "progress" && message.value), [{ step: 1 }, { step: 3 }]);
  assert.throws(() => progress.note("x".repeat(9_000)), TypeError);
});

Deno.test("Heartbeat says when a beat is missed, only after the first one and not after stop", async () => {
  const missed = Promise.withResolvers<number>();
  const heartbeat = new Heartbeat(5, missed.resolve);
  heartbeat.beat();
  assert.equal(await missed.promise, 5);
  const stopped = new Heartbeat(1, () => assert.fail("stopped"));
  stopped.beat();
  stopped.stop();
  stopped.beat();
  new Heartbeat(null, () => assert.fail("not watched")).beat();
});
