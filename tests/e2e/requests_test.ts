/** What POST /api/v1/dispatches refuses, and how it says so. */
import assert from "node:assert/strict";
import { type Answer, Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({ agents: ["echo", "picky"], env: { GREENROOM_WARM_SLOTS: "1" } });
});
Deno.test.afterAll(() => greenroom?.stop());

/** Checks what every problem has, and gives status, code and the named fields. */
function refusalOf({ status, headers, body }: Answer): { status: number; code: string; fields: string[] } {
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(body.status, status);
  for (const member of ["type", "title", "detail", "remedy"]) assert.ok(body[member]?.length > 0, member);
  return { status, code: body.code, fields: (body.errors ?? []).map(({ path }: { path: string }) => path) };
}

Deno.test("an unknown agent is refused with 404 and the nearest names", async () => {
  const answer = await greenroom.dispatch({ agent: "ecco", room: "r" });
  assert.deepEqual(refusalOf(answer), { status: 404, code: "unknown_agent", fields: [] });
  assert.deepEqual(answer.body.nearest, ["echo"]);
});

Deno.test("metadata that the agent's schema refuses is answered with 422, naming each field", async () => {
  const answer = await greenroom.dispatch({ agent: "picky", room: "r", metadata: { customer: { name: "" }, mode: 1 } });
  const fields = ["metadata.customer.name", "metadata.mode"];
  assert.deepEqual(refusalOf(answer), { status: 422, code: "invalid_metadata", fields });
});

Deno.test("a metadata text that is not JSON is answered with 422, when the agent has a schema", async () => {
  const answer = await greenroom.dispatch({ agent: "picky", room: "r", metadata: "{" });
  assert.deepEqual(refusalOf(answer), { status: 422, code: "invalid_metadata", fields: ["metadata"] });
});

Deno.test("metadata reaches the record as the agent's schema has completed it", async () => {
  const { status, body } = await greenroom.dispatch(
    { agent: "picky", room: "defaults", metadata: '{"customer":{"name":"Ada"}}' },
    "wait=accepted",
  );
  assert.equal(status, 201, JSON.stringify(body));
  assert.deepEqual(body.metadata, { customer: { name: "Ada" }, mode: "plain" });
});

Deno.test("a metadata text stays the text that it is, also when it looks like JSON, when the agent has no schema", async () => {
  const { body } = await greenroom.dispatch({ agent: "echo", room: "text", metadata: '{"a":1}' });
  assert.equal(body.metadata, '{"a":1}');
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  await greenroom.dispatchIn(["cancelled"], body.id);
  const { items: [stored] } = await greenroom.get("/api/v1/dispatches?room=text");
  assert.equal(stored.metadata, '{"a":1}');
});

const invalid: [what: string, body: unknown, fields: string[]][] = [
  ["a room name with a control character", { agent: "echo", room: "a\u0007b" }, ["room"]],
  ["an empty room name", { agent: "echo", room: "" }, ["room"]],
  ["a room name that is too long", { agent: "echo", room: "r".repeat(257) }, ["room"]],
  ["a room name with white space around it", { agent: "echo", room: " r" }, ["room"]],
  ["an unknown field", { agent: "echo", room: "r", rooom: "r" }, ["rooom"]],
  ["no agent and no room", {}, ["agent", "room"]],
  ["an unknown priority", { agent: "echo", room: "r", priority: "max" }, ["priority"]],
  ["metadata that is a number", { agent: "echo", room: "r", metadata: 1 }, ["metadata"]],
];
for (const [what, body, fields] of invalid) {
  Deno.test(`${what} is refused with 400, naming the field`, async () => {
    const answer = await greenroom.call("POST", "/api/v1/dispatches", body);
    assert.deepEqual(refusalOf(answer), { status: 400, code: "invalid_request", fields });
  });
}

Deno.test("a body that is not JSON is refused with 400, a query that is not valid too", async () => {
  const noJson = await greenroom.call("POST", "/api/v1/dispatches", "{");
  assert.deepEqual(refusalOf(noJson), { status: 400, code: "invalid_json", fields: [] });
  const badWait = await greenroom.dispatch({ agent: "echo", room: "r" }, "wait=forever");
  assert.deepEqual(refusalOf(badWait), { status: 400, code: "invalid_request", fields: ["wait"] });
  const tooLong = await greenroom.dispatch({ agent: "echo", room: "r" }, "wait=ready&waitMs=120001");
  assert.deepEqual(refusalOf(tooLong), { status: 400, code: "invalid_request", fields: ["waitMs"] });
});

Deno.test("a body beyond GREENROOM_MAX_BODY_BYTES and metadata beyond its limit are refused with 413", async () => {
  const request = (chars: number) => ({ agent: "echo", room: "large", metadata: "x".repeat(chars) });
  assert.deepEqual(refusalOf(await greenroom.dispatch(request(262_144))), {
    status: 413,
    code: "body_too_large",
    fields: [],
  });
  assert.deepEqual(refusalOf(await greenroom.dispatch(request(65_537))), {
    status: 413,
    code: "metadata_too_large",
    fields: ["metadata"],
  });
  assert.equal((await greenroom.dispatch(request(65_536))).status, 201);
});

Deno.test("the same idempotency key gives the same dispatch for the same body, and 409 for another one", async () => {
  const body = { agent: "echo", room: "once", metadata: { a: 1, b: 2 }, idempotencyKey: "order-1" };
  const first = await greenroom.dispatch(body);
  assert.equal(first.status, 201);
  const again = await greenroom.dispatch({ ...body, metadata: { b: 2, a: 1 } });
  assert.deepEqual([again.status, again.body.id], [200, first.body.id]);
  const other = await greenroom.dispatch({ ...body, room: "twice" });
  assert.deepEqual(refusalOf(other), { status: 409, code: "idempotency_key_reused", fields: [] });
  assert.equal(other.body.dispatchId, first.body.id);
  assert.equal((await greenroom.get("/api/v1/dispatches?room=once")).items.length, 1);
});

Deno.test("many requests at once with one idempotency key make one dispatch", async () => {
  const body = { agent: "echo", room: "race", idempotencyKey: "order-2" };
  const answers = await Promise.all(Array.from({ length: 8 }, () => greenroom.dispatch(body)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
  assert.equal(new Set(answers.map((answer) => answer.body.id)).size, 1);
  assert.equal((await greenroom.get("/api/v1/jobs?room=race")).items.length, 1);
});

Deno.test("a dispatch that is scheduled waits for its time and then runs; one that is too far ahead is refused", async () => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  const ahead = { agent: "echo", room: "r", scheduledAt: at(31 * 86_400_000) };
  assert.deepEqual(refusalOf(await greenroom.dispatch(ahead)), {
    status: 422,
    code: "invalid_schedule",
    fields: ["scheduledAt"],
  });
  const scheduledAt = at(3_000);
  const { body } = await greenroom.dispatch({ agent: "echo", room: "later", scheduledAt }, "wait=none");
  assert.deepEqual([body.state, body.scheduledAt], ["queued", scheduledAt]);
  const { stages } = await greenroom.dispatchIn(["running"], body.id);
  assert.ok(stages.assignedAt >= scheduledAt);
});

Deno.test("an agent that may be in a room once is refused with 409 there, or the one that is there is the answer", async () => {
  const once = { agent: "echo", room: "single" };
  const first = await greenroom.dispatch({ ...once, oneAgentPerRoom: "reuse" });
  assert.equal(first.status, 201);
  const refused = await greenroom.dispatch({ ...once, oneAgentPerRoom: "refuse" });
  assert.deepEqual(refusalOf(refused), { status: 409, code: "agent_in_room", fields: [] });
  assert.equal(refused.body.dispatchId, first.body.id);
  const again = await greenroom.dispatch({ ...once, oneAgentPerRoom: "reuse" });
  assert.deepEqual([again.status, again.body.id], [200, first.body.id]);
});

Deno.test("requests for one room beyond its burst are refused with 429 and Retry-After", async () => {
  const wrong = { agent: "picky", room: "r", metadata: { mode: 1 } };
  const answers = await Promise.all(Array.from({ length: 40 }, () => greenroom.dispatch(wrong)));
  const limited = answers.filter(({ status }) => status === 429);
  assert.ok(limited.length > 0 && limited.length <= 30);
  assert.deepEqual(refusalOf(limited[0]!), { status: 429, code: "rate_limited", fields: [] });
  assert.equal(limited[0]?.headers.get("retry-after"), "1");
  assert.equal((await greenroom.dispatch({ agent: "echo", room: "unconcerned" }, "wait=none")).status, 201);
});

Deno.test("nothing that was refused is stored", async () => {
  const { items } = await greenroom.get("/api/v1/dispatches?room=r");
  assert.deepEqual(items, []);
});
