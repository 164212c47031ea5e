/** Rules on the real program: told by LiveKit's webhooks, and found by polling where no webhook comes. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  // Nothing here is found by polling.
  const env = { GREENROOM_RULES_POLL_MS: "3600000" };
  greenroom = await Greenroom.start({ agents: ["echo", "for_one"], env });
});
Deno.test.afterAll(() => greenroom?.stop());

function makeRule(fields: Record<string, unknown>, on = greenroom) {
  const rule = { name: "rule", agent: "echo", event: "room_started", roomPattern: "*", ...fields };
  return on.call("POST", "/api/v1/rules", rule);
}

// deno-lint-ignore no-explicit-any
async function dispatchesIn(room: string, on = greenroom): Promise<any[]> {
  return (await on.get(`/api/v1/dispatches?room=${room}`)).items;
}

/** The room's only dispatch, once its agent is ready. */
function readyIn(room: string, on = greenroom) {
  return eventually(async () => {
    const [first, ...others] = await dispatchesIn(room, on);
    assert.deepEqual(others, []);
    return first?.stages.readyAt ? first : null;
  }, { what: `a ready agent in ${room}` });
}

Deno.test("A room that starts and fits a rule gets its agent by LiveKit's webhook, once, and other rooms don't", async () => {
  const made = await makeRule({ name: "support", roomPattern: "support-*", priority: "high" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { api } = await greenroom.livekit();
  await api.createRoom("sales-1");
  await api.createRoom("support-1");
  const dispatch = await readyIn("support-1");
  assert.deepEqual([dispatch.agent, dispatch.origin, dispatch.priority], ["echo", "rule", "high"]);
  await using _ann = await greenroom.human("support-1", "ann");
  assert.equal((await dispatchesIn("support-1")).length, 1);
  assert.deepEqual(await dispatchesIn("sales-1"), []);
});

Deno.test("A room that our own dispatch begins gets no second agent by a rule for the same", async () => {
  await greenroom.dispatch({ agent: "echo", room: "support-own" });
  await eventually(() =>
    greenroom.events.find((event) => event.event === "room_started" && event.room === "support-own")
  );
  await using _ann = await greenroom.human("support-own", "ann");
  assert.equal((await dispatchesIn("support-own")).length, 1);
});

Deno.test("A participant agent comes by rule for each participant that joins, and for no agent", async () => {
  const event = { event: "participant_joined", participantKind: "standard" };
  const made = await makeRule({ name: "each", agent: "for_one", roomPattern: "lobby", ...event });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await using _ann = await greenroom.human("lobby", "ann");
  await using _bob = await greenroom.human("lobby", "bob");
  const participants = await eventually(async () => {
    const all = await dispatchesIn("lobby");
    return all.length === 2 && all.every(({ stages }) => stages.readyAt !== null)
      ? all.map(({ jobs }) => jobs[0].participant).sort()
      : null;
  }, { what: "an agent for each" });
  assert.deepEqual(participants, ["ann", "bob"]);
});

Deno.test("Rules are made, listed by room, turned off, changed and deleted by REST; a mistyped agent gets the nearest name", async () => {
  const wrong = await makeRule({ name: "typo", agent: "ecko" });
  assert.deepEqual([wrong.status, wrong.body.code, wrong.body.nearest], [404, "unknown_agent", ["echo"]]);
  const unfit = await makeRule({ name: "unfit", participantKind: "sip" });
  assert.deepEqual([unfit.status, unfit.body.errors[0].path], [422, "participantKind"]);
  const { body: rule, headers } = await makeRule({ name: "crud", roomPattern: "crud-?" });
  const path = headers.get("location") ?? "";
  const named = async (room: string) =>
    (await greenroom.get(`/api/v1/rules?room=${room}`)).items.map(({ name }: { name: string }) => name);
  assert.deepEqual(await named("crud-1"), ["crud"]);
  assert.deepEqual(await named("crud-12"), []);
  const off = await greenroom.call("PATCH", path, { isEnabled: false });
  assert.deepEqual([off.status, off.body.isEnabled, off.body.roomPattern], [200, false, "crud-?"]);
  assert.equal((await makeRule({ name: "crud" })).status, 409);
  assert.equal((await greenroom.call("DELETE", path)).body.id, rule.id);
  assert.equal((await greenroom.call("GET", path)).status, 404);
  const audited = await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/audit?limit=100");
    const own = items.filter(({ target }: { target: string }) => target === rule.id);
    return own.length === 3 ? own.map(({ action }: { action: string }) => action) : null;
  });
  assert.deepEqual(audited, ["rule.delete", "rule.change", "rule.create"]);
});

Deno.test("Without webhooks polling finds the room, and one dispatch comes of it", async () => {
  const livekit: TestLivekit = await startTestLivekit();
  try {
    await using polling = await Greenroom.start({ agents: ["echo"], livekit, env: { GREENROOM_RULES_POLL_MS: "100" } });
    await livekit.api.createRoom("before-the-rule");
    assert.equal((await makeRule({}, polling)).status, 201);
    await livekit.api.createRoom("polled");
    const { origin } = await readyIn("polled", polling);
    assert.equal(origin, "rule");
    assert.deepEqual(await dispatchesIn("before-the-rule", polling), []);
  } finally {
    await livekit.stop();
  }
});
