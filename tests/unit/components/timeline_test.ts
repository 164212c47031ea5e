import { deepEqual, equal, match } from "node:assert/strict";
import type { DispatchDetails } from "../../../components/dispatch/details.ts";
import { headlineOf } from "../../../components/dispatch/headline.ts";
import { timelineOf } from "../../../components/dispatch/timeline.ts";
import type { DispatchView, JobView, Stages } from "../../../components/dispatch/types.ts";
import { waterfallOf } from "../../../components/dispatch/waterfall.ts";

const START_MS = Date.parse("2026-01-01T12:00:00.000Z");
const at = (ms: number) => new Date(START_MS + ms).toISOString();

function stages(given: Partial<Stages> = {}): Stages {
  const none = { assignedAt: null, enteredAt: null, connectedAt: null, readyAt: null, endedAt: null };
  return { requestedAt: at(0), ...none, ...given };
}

function job(attempt: number, given: Partial<JobView>): JobView {
  return {
    id: `job-${attempt}`,
    dispatchId: "dispatch",
    attempt,
    agent: "support",
    server: "local",
    room: "desk",
    participant: null,
    state: "running",
    endReason: null,
    isolation: "process",
    instanceId: "instance",
    workerId: null,
    participantIdentity: `agent-${attempt}`,
    livekitJobId: null,
    pid: 7,
    stages: stages(),
    failure: null,
    flags: [],
    ...given,
  };
}

function details(dispatch: Partial<DispatchView>): DispatchDetails {
  return {
    dispatch: {
      id: "dispatch",
      agent: "support",
      server: "local",
      room: "desk",
      state: "running",
      priority: "normal",
      placement: "direct",
      origin: "rest",
      retryOf: null,
      participantIdentity: null,
      region: null,
      oneAgentPerRoom: null,
      scheduledAt: null,
      deadlineAt: null,
      metadata: null,
      waitingReason: null,
      createdAt: at(0),
      jobs: [],
      stages: stages(),
      failure: null,
      ...dispatch,
    },
    explanation: { dispatchId: "dispatch", placements: [], waiting: null },
    history: [
      { at: at(0), subject: "dispatch", jobId: null, from: null, to: "queued", cause: "requested", actor: "rest:crm" },
    ],
    logs: [],
    isLogCut: false,
    spans: [],
    stacks: {},
    losses: [],
    droppedLogLines: 0,
    instanceNames: { instance: "gr-a" },
    now: at(10_000),
  };
}

const FAILURE = {
  ...{ kind: "exception", message: "boom", exitCode: null, signal: null },
  ...{ class: "unknown" as const, retryAfterMs: null, advice: null, remedy: null, errorStatus: null },
};
const twoAttempts = details({
  jobs: [
    job(1, {
      state: "failed",
      failure: FAILURE,
      stages: stages({ assignedAt: at(3), enteredAt: at(7), endedAt: at(50) }),
    }),
    job(2, {
      stages: {
        ...stages({ assignedAt: at(60), enteredAt: at(65), connectedAt: at(100), readyAt: at(110) }),
        requestedAt: at(55),
      },
    }),
  ],
  stages: stages({ assignedAt: at(60), enteredAt: at(65), connectedAt: at(100), readyAt: at(110) }),
});

Deno.test("timelineOf gives each attempt a lane of its own, in the order of time", () => {
  const { rows, lanes } = timelineOf(twoAttempts, START_MS + 10_000);
  deepEqual(rows.map(({ lane, title }) => [lane, title]), [
    [0, "Dispatch accepted"],
    [1, "Attempt 1 placed"],
    [1, "Entered"],
    [1, "Attempt 1 failed"],
    [2, "Attempt 2 placed"],
    [2, "Entered"],
    [2, "Connected"],
    [2, "Ready"],
    [2, "In the call"],
  ]);
  deepEqual(lanes.map(({ lane, first, last }) => [lane, first, last]), [[0, 0, 8], [1, 1, 3], [2, 4, 8]]);
  equal(rows[0]?.note, "asked by crm over REST, priority normal");
});

Deno.test("timelineOf of a dispatch that waits has its wait as the last row", () => {
  const { rows } = timelineOf(details({ state: "queued" }), START_MS + 4_000);
  deepEqual(rows.map(({ title, sinceMs }) => [title, sinceMs]), [["Dispatch accepted", null], ["Waiting", 4_000]]);
});

Deno.test("headlineOf says the state with its number", () => {
  equal(headlineOf(twoAttempts.dispatch), "Ready after 110 ms");
  match(headlineOf(details({ state: "queued", waitingReason: "agent_broken" }).dispatch), /file does not load/);
  equal(headlineOf(details({ state: "failed" }).dispatch), "Failed before it was ready");
});

Deno.test("waterfallOf draws stages when there are no spans, else the spans as a tree", () => {
  deepEqual(waterfallOf(twoAttempts).rows.map(({ name, durationMs }) => [name, durationMs]), [
    ["placed", 60],
    ["entered", 5],
    ["connected", 35],
    ["ready", 10],
  ]);
  const span = (spanId: string, parentSpanId: string | null, ms: number) => ({
    spanId,
    parentSpanId,
    name: spanId,
    startedAt: at(ms),
    durationMs: 10,
    isError: false,
  });
  const traced = { ...twoAttempts, spans: [span("b", "a", 5), span("a", "outside", 0), span("c", "b", 6)] };
  deepEqual(waterfallOf(traced).rows.map(({ name, depth }) => [name, depth]), [["a", 0], ["b", 1], ["c", 2]]);
});
