import assert from "node:assert/strict";
import type { NoticeTopic } from "../../../core/coordination/notices.ts";
import { FleetEvents } from "../../../core/dispatch/fleet_events.ts";
import { FleetLogs } from "../../../core/dispatch/fleet_logs.ts";
import { viewOfDispatch } from "../../../core/dispatch/dispatch_view.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { dispatchTopic } from "../../../core/updates/topics.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { saveJobProgress } from "../../../db/job_details.ts";
import { insertJobLogs } from "../../../db/job_logs.ts";
import { applyJobChanges, type JobChange } from "../../../db/job_changes.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { eventually } from "../../support/eventually.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

const END = {
  state: "succeeded",
  endReason: "x",
  failure: null,
  flags: [],
  resources: null,
  humanSeenAt: null,
} as const;

/** An instance with people who listen to `topics`. */
function listening(topics: string[], { isNotified = true, live = [] as string[] } = {}) {
  const heard: string[] = [];
  const told: string[] = [];
  let notice: (topic: NoticeTopic, subjects: readonly string[]) => void = () => {};
  const instanceId = uuidv7();
  const events = new FleetEvents({
    ...{ database: test.database, instanceId, isNotified, logger: silentLogger },
    hub: {
      publish: (topic, event, data) => {
        if (!topics.includes(topic)) return;
        const { stage, state } = data as { stage?: string; state?: string };
        heard.push(`${event}:${event === "stage" ? stage : state}`);
      },
      hasSubscribers: (topic) => topics.includes(topic),
      subscribedTopics: () => topics,
    },
    notices: {
      on: (listener) => ((notice = listener), () => {}),
      tell: (_topic, subject) => void told.push(subject ?? ""),
    },
    hasOthers: () => true,
    isLive: (id) => live.includes(id),
    onNotice: () => {},
  });
  return { instanceId, events, heard, told, notify: (...ids: string[]) => notice("jobs", ids) };
}

/** A dispatch that another instance has taken, and how it goes on there. */
async function elsewhere(other: DispatchFixture = dispatchFixture(test.database)) {
  const asked = await other.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  assert.ok(asked.ok);
  const { key } = other.jobs.plans.at(-1)!;
  const goesOn = async (
    change: { kind: "entered"; pid: number } | { kind: "connected" | "ready" } | { kind: "ended" },
  ) => {
    const base = { job: key, changeId: crypto.randomUUID(), actor: "other", cause: "x", at: new Date() };
    const whole = change.kind === "ended" ? { ...change, end: END, next: { kind: "final" } } : change;
    await applyJobChanges(test.database, [{ ...base, ...whole } as JobChange]);
  };
  return { id: asked.dispatch.id, goesOn };
}

const LATER_MS = 60_000;

Deno.test("FleetEvents tells who listens here what another instance does, each stage once, without any notice", async () => {
  const { id, goesOn } = await elsewhere();
  const { events, heard } = listening([dispatchTopic(id)], { isNotified: false });
  events.shown(viewOfDispatch((await findDispatch(test.database, id))!));
  await goesOn({ kind: "entered", pid: 1 });
  await goesOn({ kind: "connected" });
  await events.look(LATER_MS);
  assert.deepEqual(heard.splice(0), ["stage:entered", "state:running", "stage:connected"]);
  await events.look(LATER_MS * 2);
  assert.deepEqual(heard, []);
  await goesOn({ kind: "ready" });
  await goesOn({ kind: "ended" });
  await events.look(LATER_MS * 3);
  assert.deepEqual(heard, ["stage:ready", "stage:ended", "state:succeeded", "end:succeeded"]);
});

Deno.test("FleetEvents finds changes of all dispatches by the window of the history, and stages of what is on its way", async () => {
  const first = await elsewhere();
  const { events, heard } = listening(["dispatches"]);
  const mine = await elsewhere();
  await events.look(LATER_MS);
  assert.deepEqual(heard.splice(0), ["dispatch:placed", "dispatch:placed"]);
  await first.goesOn({ kind: "entered", pid: 1 });
  await first.goesOn({ kind: "connected" });
  await events.look(LATER_MS * 2);
  assert.deepEqual(heard.splice(0), ["dispatch:running", "dispatch:running"]);
  await mine.goesOn({ kind: "ended" });
  await events.look(LATER_MS * 3);
  assert.deepEqual(heard, ["dispatch:succeeded"]);
});

Deno.test("FleetEvents reads what a notice names at once, also when the notice comes before the commit", async () => {
  const { id, goesOn } = await elsewhere();
  const { events, heard, notify } = listening([dispatchTopic(id)]);
  events.shown(viewOfDispatch((await findDispatch(test.database, id))!));
  const ending = new AbortController();
  await events.look(performance.now());
  const running = events.run(ending.signal);
  notify(id);
  await goesOn({ kind: "entered", pid: 1 });
  await eventually(() => heard.includes("stage:entered"), { withinMs: 2_500 });
  ending.abort();
  await running;
});

Deno.test("FleetEvents passes over a read that is older than what was told while it was under way", async () => {
  const { id } = await elsewhere();
  const { events, heard } = listening([dispatchTopic(id)], { isNotified: false });
  const placed = viewOfDispatch((await findDispatch(test.database, id))!);
  events.shown(placed);
  let looking: Promise<void> | undefined;
  await test.database.sql.begin(async (hold) => {
    await hold`lock table dispatches in access exclusive mode`;
    looking = events.look(LATER_MS);
    await eventually(async () => (await hold`select 1 from pg_locks where not granted`).length > 0);
    events.heard({ ...placed, state: "running", stages: { ...placed.stages, enteredAt: placed.stages.assignedAt } });
  });
  await looking;
  assert.deepEqual(heard, []);
});

Deno.test("FleetEvents says nothing of what is kept live here, and reads nothing while nobody listens", async () => {
  const { id } = await elsewhere();
  const kept = listening(["dispatches", dispatchTopic(id)], { live: [id] });
  await kept.events.look(LATER_MS);
  assert.deepEqual(kept.heard, []);
  const deaf = listening([]);
  deaf.notify(id);
  const { database } = test;
  await database.close();
  await deaf.events.look(LATER_MS);
});

Deno.test("FleetEvents tells the others of a change here once, and never of one that came from them", async () => {
  const { id, goesOn } = await elsewhere();
  const { events, told } = listening([]);
  const view = viewOfDispatch((await findDispatch(test.database, id))!);
  events.changedHere(view);
  events.changedHere(view);
  assert.deepEqual(told, [id]);
  await goesOn({ kind: "entered", pid: 1 });
  const later = viewOfDispatch((await findDispatch(test.database, id))!);
  events.heard(later);
  events.changedHere(later);
  assert.deepEqual(told, [id]);
});

Deno.test("FleetLogs tells new lines of other instances' jobs once, also the first ones of a job that begins meanwhile", async () => {
  const other = dispatchFixture(test.database, { maxJobs: 1 });
  const { id } = await elsewhere(other);
  const heard: string[] = [];
  const topics = [dispatchTopic(id)];
  const hub = {
    publish: (_topic: string, _event: string, data: unknown) => void heard.push((data as { message: string }).message),
    subscribedTopics: () => topics,
  };
  const { database } = test;
  const write = (jobId: string, message: string) =>
    insertJobLogs(database, [{ jobId, attempt: 1, level: "info", message, fields: null, at: new Date() }]);
  const jobOf = async (dispatchId: string) => (await findDispatch(database, dispatchId))?.jobs[0]?.id ?? "";
  const logs = new FleetLogs({ database, instanceId: uuidv7(), hub, logger: silentLogger });
  await write(await jobOf(id), "before");
  await logs.look();
  await write(await jobOf(id), "one");
  await write(await jobOf(id), "two");
  await logs.look();
  await logs.look();
  assert.deepEqual(heard.splice(0), ["one", "two"]);

  const waiting = await other.dispatcher.request({ agent: "echo", room: "later" }, REQUESTER, NO_WAIT);
  assert.ok(waiting.ok);
  topics.push(dispatchTopic(waiting.dispatch.id));
  await logs.look();
  other.jobs.endOldest();
  assert.equal(await other.claimer.claimOnce(), 1);
  await write(await jobOf(waiting.dispatch.id), "first");
  await logs.look();
  assert.deepEqual(heard.splice(0), ["first"]);
  const owner = new FleetLogs({ database, instanceId: other.instanceId, hub, logger: silentLogger });
  await owner.look();
  await write(await jobOf(id), "ours");
  await owner.look();
  assert.deepEqual(heard, []);
});

Deno.test("FleetLogs tells the newest progress of other instances' jobs once, and none of before somebody listened", async () => {
  const { database } = test;
  const { id } = await elsewhere();
  const jobId = (await findDispatch(database, id))?.jobs[0]?.id ?? "";
  const heard: unknown[] = [];
  const hub = {
    publish: (topic: string, event: string, data: unknown) => {
      const { value, ...ids } = data as { jobId: string; value: unknown };
      assert.deepEqual([topic, event, ids.jobId], [dispatchTopic(id), "progress", jobId]);
      heard.push(value);
    },
    subscribedTopics: () => [dispatchTopic(id)],
  };
  const logs = new FleetLogs({ database, instanceId: uuidv7(), hub, logger: silentLogger });
  await saveJobProgress(database, jobId, { step: "before" });
  await logs.look();
  for (const step of [1, 2]) await saveJobProgress(database, jobId, { step });
  await logs.look();
  await logs.look();
  await saveJobProgress(database, jobId, 3);
  await logs.look();
  assert.deepEqual(heard, [{ step: 2 }, 3]);
});
