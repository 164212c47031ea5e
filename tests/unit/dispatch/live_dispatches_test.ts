import assert from "node:assert/strict";
import { WAITS } from "../../../core/dispatch/dispatch_request.ts";
import type { DispatchView, JobView } from "../../../core/dispatch/dispatch_view.ts";
import { LiveDispatch, LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { newDispatchView, newJobView } from "../../../core/dispatch/new_views.ts";
import { settlesWithin } from "../../../core/lifecycle/supervisor.ts";

const LONG_MS = 600_000;
const AT = new Date("2026-01-02T03:04:05.678Z");
const FAILURE = { code: "exception", message: "boom", remedy: "mend it" };

function newView(): DispatchView {
  const fields = { agent: "echo", server: "local", room: "room", metadata: null, rankAt: AT, waitingReason: null };
  const nothing = { retryOf: null, livekitDispatchId: null, traceparent: null, participantIdentity: null };
  const id = crypto.randomUUID();
  return newDispatchView({ id, priority: "normal", placement: "direct", origin: "rest", ...fields, ...nothing }, AT);
}

function newJob(view: DispatchView): JobView {
  const id = crypto.randomUUID();
  const nobody = { participant: null, workerId: null, livekitJobId: null };
  return newJobView(view, { id, attempt: 1, participantIdentity: `agent-${id}`, instanceId: id, ...nobody }, AT);
}

/** What brings a dispatch from one stage to the next, in order. */
const STEPS: [string, (live: LiveDispatch) => void][] = [
  ["assigned", (live) => live.assigned(newJob(live.view))],
  ["entered", (live) => live.stage("entered", AT, 7)],
  ["connected", (live) => live.stage("connected", AT, 7)],
  ["ready", (live) => live.stage("ready", AT, 7)],
  ["ended", (live) => live.jobEnded({ outcome: "succeeded", endReason: "entry_returned" }, AT, null)],
];

const DIED = { kind: "signal", message: "killed" } as const;

Deno.test("a dispatch whose job failed waits for its next attempt: a wait for ready goes on, and knows both jobs", async () => {
  const changes: string[] = [];
  const live = new LiveDispatch(newView(), (_view, change) => void changes.push(change.kind));
  for (const [, step] of STEPS.slice(0, 2)) step(live);
  const waiting = live.reached("ready", LONG_MS);
  live.jobEnded({ outcome: "failed", endReason: "process_gone", failure: DIED }, AT, FAILURE, live.job, {
    kind: "retry",
    notBefore: null,
  });
  const { state, waitingReason, failure, stages, jobs } = live.view;
  assert.deepEqual([state, waitingReason, failure, stages.enteredAt], ["queued", "retrying", null, null]);
  assert.deepEqual([jobs[0]?.state, jobs[0]?.failure?.kind, changes.at(-1)], ["failed", "signal", "retrying"]);
  assert.equal(live.hasWaiters, true);
  for (const [, step] of STEPS.slice(0, 4)) step(live);
  assert.equal(await waiting, "reached");
  assert.deepEqual([live.view.state, live.view.jobs.length], ["running", 2]);
});

Deno.test("a job that was taken over ends alone: its dispatch goes on", () => {
  const live = new LiveDispatch(newView());
  for (const [, step] of STEPS.slice(0, 4)) step(live);
  live.jobEnded({ outcome: "cancelled", endReason: "shutdown" }, AT, null, live.job, { kind: "none" });
  assert.deepEqual([live.view.state, live.job?.state], ["running", "cancelled"]);
});

/** After which step a wait is over when all goes well; -1: at once. */
const REACHED_AFTER = { none: -1, accepted: 0, ready: 3, done: 4 };

for (const wait of WAITS) {
  Deno.test(`a wait for "${wait}" ends with the step that it waits for, and not before`, async () => {
    const live = new LiveDispatch(newView());
    let outcome: string | null = null;
    const waiting = live.reached(wait, LONG_MS).then((reached) => outcome = reached);
    for (const [index, [, step]] of [[-1, ["start", () => {}]] as const, ...STEPS.entries()]) {
      step(live);
      await settlesWithin(waiting, 0);
      assert.equal(outcome, index >= REACHED_AFTER[wait] ? "reached" : null, `after step ${index}`);
    }
    assert.equal(await live.reached(wait, LONG_MS), "reached");
    assert.equal(live.hasWaiters, false);
  });

  Deno.test(`a wait for "${wait}" is told that the dispatch ended before, after each number of steps`, async () => {
    for (let done = 0; done < STEPS.length; done++) {
      const live = new LiveDispatch(newView());
      for (const [, step] of STEPS.slice(0, done)) step(live);
      const waiting = live.reached(wait, LONG_MS);
      live.ended("failed", AT, FAILURE);
      assert.equal(await waiting, wait === "done" || done > REACHED_AFTER[wait] ? "reached" : "ended");
    }
  });
}

Deno.test("a wait that runs out says so and leaves no waiter behind", async () => {
  const live = new LiveDispatch(newView());
  const waiting = live.reached("ready", 1);
  assert.equal(live.hasWaiters, true);
  assert.equal(await waiting, "timed_out");
  assert.equal(live.hasWaiters, false);
});

Deno.test("all who wait for one dispatch are answered, each by its own condition", async () => {
  const live = new LiveDispatch(newView());
  const waits = (["accepted", "ready", "ready", "done"] as const).map((wait) => live.reached(wait, LONG_MS));
  for (const [, step] of STEPS) step(live);
  assert.deepEqual(await Promise.all(waits), ["reached", "reached", "reached", "reached"]);
});

Deno.test("the view follows the job: states, stamps, process id and failure", () => {
  const live = new LiveDispatch({ ...newView(), waitingReason: "agent_loading" });
  const job = () => live.view.jobs.at(-1);
  assert.equal(live.job?.id, undefined);
  live.stage("entered", AT, 1); // without a job there is nothing to stamp
  assert.equal(live.view.state, "queued");
  live.assigned(newJob(live.view));
  assert.deepEqual([live.view.state, live.view.waitingReason, job()?.state], ["placed", null, "assigned"]);
  live.stage("entered", AT, 7);
  assert.deepEqual([live.view.state, job()?.state, job()?.pid], ["running", "running", 7]);
  const failure = { kind: "exit", message: "exited", exitCode: 3 } as const;
  live.jobEnded({ outcome: "failed", endReason: "process_gone", failure }, AT, FAILURE);
  assert.deepEqual([live.view.state, live.view.failure, live.isEnded], [
    "failed",
    { ...FAILURE, errorStatus: null },
    true,
  ]);
  const { advice, remedy, ...shown } = job()?.failure ?? {};
  assert.deepEqual(shown, { ...failure, signal: null, class: "unknown", retryAfterMs: null, errorStatus: null });
  assert.match(advice ?? "", /read the error/);
  assert.match(remedy ?? "", /return from entry/);
  assert.equal(live.view.stages.endedAt, AT.toISOString());
  live.ended("cancelled", new Date(), null);
  assert.equal(live.view.state, "failed");
});

Deno.test("LiveDispatches gives one entry per dispatch, however often it is tracked", () => {
  const all = new LiveDispatches();
  const view = newView();
  const live = all.track(view);
  assert.equal(all.track({ ...view }), live);
  assert.equal(all.find(view.id), live);
  assert.equal(all.find("other"), null);
  assert.deepEqual(all.list(), [live]);
});

Deno.test("LiveDispatches keeps an entry while its job runs or somebody waits, and forgets it otherwise", async () => {
  const all = new LiveDispatches();
  const live = all.track(newView());
  const waiting = live.reached("ready", LONG_MS);
  all.forgetIfIdle(live.view.id);
  assert.equal(all.size, 1, "somebody waits");
  live.assigned(newJob(live.view));
  live.stage("entered", AT, 1);
  live.stage("ready", AT, 1);
  await waiting;
  all.forgetIfIdle(live.view.id);
  assert.equal(all.size, 1, "its job runs");
  live.ended("succeeded", AT, null);
  all.forgetIfIdle(live.view.id);
  assert.equal(all.size, 0);
  const queued = all.track(newView());
  all.forgetIfIdle(queued.view.id);
  all.forgetIfIdle("unknown");
  assert.equal(all.size, 0);
});
