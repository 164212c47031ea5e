/** What callers read: refusals, waits that did not end well, who may ask, traces. */
import assert from "node:assert/strict";
import type { DispatchView } from "../../../core/dispatch/dispatch_view.ts";
import type { DispatchRefusal } from "../../../core/dispatch/refusal.ts";
import { isOpen, unauthorized } from "../../../routes/(_shared)/access.ts";
import { openapiDocument } from "../../../routes/(_shared)/openapi.ts";
import { problemSchema } from "../../../routes/(_shared)/problem.ts";
import { answerOf, refusalProblem } from "../../../routes/(_shared)/refusal_problem.ts";
import { traceparentOf } from "../../../routes/(_shared)/traceparent.ts";

const ID = "01890000-0000-7000-8000-000000000000";
const NOTHING = { assignedAt: null, enteredAt: null, connectedAt: null, readyAt: null, endedAt: null };
const AT = "2026-01-02T03:04:05.678Z";

function view(fields: Partial<DispatchView> = {}, stages: Partial<DispatchView["stages"]> = {}): DispatchView {
  return {
    id: ID,
    agent: "echo",
    server: "local",
    room: "room",
    state: "queued",
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
    createdAt: AT,
    jobs: [],
    stages: { requestedAt: AT, ...NOTHING, ...stages },
    failure: null,
    ...fields,
  };
}

async function bodyOf(response: Response) {
  return problemSchema.parse(await response.json());
}

const REFUSALS: {
  [Code in DispatchRefusal["code"]]: [Omit<Extract<DispatchRefusal, { code: Code }>, "code">, number];
} = {
  unknown_agent: [{ agent: "ecko", nearest: ["echo"] }, 404],
  invalid_metadata: [{ errors: [{ path: "metadata.a", message: "is bad" }] }, 422],
  metadata_too_large: [{ bytes: 10, maxBytes: 5 }, 413],
  metadata_unchecked: [{ message: "stuck" }, 503],
  invalid_participant: [{ agent: "a", jobType: "publisher", problem: "required" }, 422],
  invalid_schedule: [{ problem: "too_far" }, 422],
  rate_limited: [{ scope: "room", retryAfterSeconds: 1 }, 429],
  agent_in_room: [{ agent: "echo", dispatchId: ID }, 409],
  idempotency_key_reused: [{ dispatchId: ID }, 409],
  rule_done: [{ ruleId: ID }, 409],
  queue_full: [{ agent: "echo", capacity: 7, retryAfterSeconds: 5 }, 429],
  too_many_waiters: [{ maxWaiters: 9, retryAfterSeconds: 1 }, 429],
  not_found: [{ dispatchId: ID }, 404],
  not_ended: [{ dispatchId: ID }, 409],
  owned_elsewhere: [{ dispatchId: ID }, 409],
  owner_failed: [{ dispatchId: ID, instanceId: ID, message: "It is upside down." }, 502],
};

for (const [code, [fields, status]] of Object.entries(REFUSALS)) {
  Deno.test(`the refusal ${code} is a problem with status ${status}, cause and remedy`, async () => {
    const response = refusalProblem({ code, ...fields } as DispatchRefusal);
    assert.equal(response.status, status);
    const body = await bodyOf(response);
    assert.equal(body.code, code);
    assert.ok(body.detail.length > 10 && body.remedy.length > 10);
    assert.equal(response.headers.has("retry-after"), status === 429 || status === 503);
  });
}

Deno.test("a dispatch that was reached is answered with itself: 201 when it is new, 200 when it was asked for again", async () => {
  for (const isNew of [true, false]) {
    const response = answerOf({ ok: true, dispatch: view(), isNew, outcome: "reached" });
    assert.equal(response.status, isNew ? 201 : 200);
    assert.equal(response.headers.get("location"), `/api/v1/dispatches/${ID}`);
    assert.deepEqual(await response.json(), view());
  }
});

Deno.test("a dispatch that ended before it was ready is 502 with its failure and itself", async () => {
  const failure = { code: "exception", message: "boom", remedy: "mend it", errorStatus: null };
  const dispatch = view({ state: "failed", failure });
  const response = answerOf({ ok: true, dispatch, isNew: true, outcome: "ended" });
  assert.equal(response.status, 502);
  const body = await bodyOf(response);
  assert.deepEqual([body.code, body.detail, body.remedy], ["exception", "boom", "mend it"]);
  assert.deepEqual(body.dispatch, dispatch);
  const cancelled = answerOf({ ok: true, dispatch: view({ state: "cancelled" }), isNew: true, outcome: "ended" });
  assert.equal((await bodyOf(cancelled)).code, "dispatch_cancelled");
});

const WAITS: [DispatchView, string, RegExp][] = [
  [view(), "no_free_slot", /slots are taken/],
  [view({ waitingReason: "agent_not_hosted" }), "agent_not_hosted", /No running instance/],
  [view({ waitingReason: "agent_broken" }), "agent_broken", /does not load/],
  [view({ waitingReason: "agent_loading" }), "agent_loading", /being loaded/],
  [view({ waitingReason: "livekit_unreachable" }), "livekit_unreachable", /can't be reached/],
  [view({ scheduledAt: "2999-01-02T03:04:05.678Z" }), "scheduled", /starts at 2999/],
  [view({ placement: "livekit" }), "waiting_for_livekit", /not assigned/],
  [view({ state: "placed" }), "not_ready_in_time", /has not been entered/],
  [view({ state: "running" }, { enteredAt: AT }), "not_ready_in_time", /has entered but has not connected/],
  [
    view({ state: "running" }, { enteredAt: AT, connectedAt: AT }),
    "not_ready_in_time",
    /has connected but has not said/,
  ],
];

for (const [dispatch, code, detail] of WAITS) {
  Deno.test(`a wait that runs out is 504 ${code}: ${detail.source}`, async () => {
    const response = answerOf({ ok: true, dispatch, isNew: true, outcome: "timed_out" });
    assert.equal(response.status, 504);
    const body = await bodyOf(response);
    assert.equal(body.code, code);
    assert.match(body.detail, detail);
    assert.deepEqual(body.dispatch, dispatch);
  });
}

Deno.test("only the named paths are open, with or without a slash at the end", () => {
  for (const path of ["/sign-in", "/health", "/health/", "/ready", "/api/v1/openapi.json", "/livekit/webhook"]) {
    assert.ok(isOpen(path), path);
  }
  for (
    const path of [
      "/",
      "/api/v1/dispatches",
      "/health/x",
      "/healthz",
      "//health",
      "/HEALTH",
      "/api/v1/openapi.json/x",
      "",
    ]
  ) {
    assert.ok(!isOpen(path), path);
  }
});

Deno.test("a request without a key is told how to send one, by header too", async () => {
  const response = unauthorized();
  assert.equal(response.status, 401);
  assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/);
  assert.match((await bodyOf(response)).remedy, /GREENROOM_API_KEY/);
});

Deno.test("traceparentOf gives a valid header and drops every other", () => {
  const parent = (value?: string) =>
    traceparentOf(new Request("http://a/", { headers: value ? { traceparent: value } : {} }));
  const [trace, span] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  assert.equal(parent(`00-${trace}-${span}-01`), `00-${trace}-${span}-01`);
  const bad = [
    undefined,
    "x",
    `01-${trace}-${span}-01`,
    `00-${"0".repeat(32)}-${span}-01`,
    `00-${trace}-${"0".repeat(16)}-01`,
  ];
  bad.push(`00-${trace.toUpperCase()}-${span}-01`, `00-${trace}-${span}-01-more`, `00-${trace}-${span}`);
  for (const value of bad) assert.equal(parent(value), null, value);
});

Deno.test("openapi.json is 3.1, describes every path with problems, and leaves only the open ones without a key", () => {
  const document = openapiDocument("1.2.3");
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const operation of [item.get, item.post, item.delete]) {
      if (!operation) continue;
      assert.ok(operation.responses?.default, path);
      assert.equal(operation.security?.length === 0, isOpen(path), path);
    }
  }
});
