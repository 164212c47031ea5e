/** POST /api/v1/tokens on the real program: what it gives, to whom, within which limits, and that LiveKit takes it. */
import assert from "node:assert/strict";
import { TokenVerifier } from "livekit-server-sdk";
import { Greenroom } from "../support/greenroom.ts";
import { RoomParticipant } from "../support/room_participant.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo"],
    env: { GREENROOM_MAX_METADATA_BYTES: "64", LIVEKIT_PUBLIC_URL: "wss://calls.example.com" },
  });
});
Deno.test.afterAll(() => greenroom.stop());

function ask(body: unknown, headers: Record<string, string> = {}) {
  return greenroom.call("POST", "/api/v1/tokens", body, headers);
}

async function claimsOf(token: string) {
  const { apiKey, apiSecret } = await greenroom.livekit();
  return await new TokenVerifier(apiKey, apiSecret).verify(token);
}

Deno.test("a token lets a person into one room, and brings the agent that was asked for with it", async () => {
  const { status, headers, body } = await ask({ room: "tokens-1", identity: "alice", dispatch: { agent: "echo" } });
  assert.equal(status, 201);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.deepEqual([body.url, body.room, body.identity], ["wss://calls.example.com", "tokens-1", "alice"]);
  assert.deepEqual([body.dispatch.agent, body.dispatch.room], ["echo", "tokens-1"]);
  const { url } = await greenroom.livekit();
  await using alice = await RoomParticipant.join({ url, token: body.token });
  await alice.seesAttribute("greenroom.ready");
  await alice.sendData("chat", "hello");
  assert.equal((await alice.nextData("chat")).text, "hello");
});

Deno.test("a token says what its holder is and may do, without grants of agents or admins, and ends when it says", async () => {
  const asked = { name: "Bob", metadata: "{}", attributes: { plan: "gold" }, canPublish: false, ttlSeconds: 60 };
  const { body } = await ask({ room: "tokens-2", ...asked });
  assert.match(body.identity, /^guest-/);
  const claims = await claimsOf(body.token);
  assert.deepEqual(claims.video, {
    roomJoin: true,
    room: "tokens-2",
    canPublish: false,
    canSubscribe: true,
    canPublishData: false,
  });
  assert.deepEqual([claims.sub, claims.name, claims.metadata], [body.identity, "Bob", "{}"]);
  assert.deepEqual([claims.attributes, claims.kind], [{ plan: "gold" }, undefined]);
  const lateMs = Number(claims.exp) * 1_000 - Date.parse(body.expiresAt);
  assert.ok(Math.abs(lateMs) <= 2_000, String(lateMs));
});

Deno.test("a token request beyond a limit is refused, and names the field", async () => {
  const refused: [string, Record<string, unknown>][] = [
    ["room", { room: "" }],
    ["room", { room: "r".repeat(257) }],
    ["identity", { identity: "" }],
    ["identity", { identity: "agent-1" }],
    ["identity", { identity: "a\u0000" }],
    ["identity", { identity: "a".repeat(257) }],
    ["attributes", { attributes: { "greenroom.ready": "now" } }],
    ["attributes", { attributes: { "lk.agent_name": "echo" } }],
    ["attributes", { attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, ""])) }],
    ["metadata", { metadata: "x".repeat(4_097) }],
    ["metadata", { metadata: "x".repeat(4_000), attributes: { more: "y".repeat(100) } }],
    ["ttlSeconds", { ttlSeconds: 9 }],
    ["ttlSeconds", { ttlSeconds: 86_401 }],
    ["dispatch.room", { dispatch: { agent: "echo", room: "elsewhere" } }],
    ["dispatch.agent", { dispatch: {} }],
    ["roomAdmin", { roomAdmin: true }],
  ];
  for (const [path, part] of refused) {
    const { status, body } = await ask({ room: "tokens-3", ...part });
    const paths = body.errors?.map((error: { path: string }) => error.path);
    assert.deepEqual([status, body.code, paths], [400, "invalid_request", [path]], JSON.stringify(part).slice(0, 80));
  }
});

Deno.test("where the dispatch is refused there is no token", async () => {
  const unknown = await ask({ room: "tokens-4", dispatch: { agent: "ecko" } });
  assert.deepEqual([unknown.status, unknown.body.code, unknown.body.token], [404, "unknown_agent", undefined]);
  const large = await ask({ room: "tokens-4", dispatch: { agent: "echo", metadata: "x".repeat(65) } });
  assert.deepEqual([large.status, large.body.code], [413, "metadata_too_large"]);
});

Deno.test("tokens are for operators, and each is in the audit log with its room", async () => {
  const keyOf = async (role: string) => (await greenroom.call("POST", "/api/v1/keys", { name: role, role })).body.key;
  const as = async (role: string) => ({ authorization: `Bearer ${await keyOf(role)}` });
  assert.equal((await ask({ room: "tokens-5" }, await as("viewer"))).status, 403);
  assert.equal((await ask({ room: "tokens-5" }, await as("operator"))).status, 201);
  const { items } = await greenroom.get("/api/v1/audit?limit=50");
  const rows = items.filter((row: { action: string }) => row.action === "token.create").slice(0, 2);
  assert.deepEqual(
    rows.map(({ actor, target, outcome }: Record<string, unknown>) => [actor, target, outcome]),
    [["rest:operator", "tokens-5", "ok"], ["rest:viewer", null, "refused"]],
  );
});
