import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AccessToken, TokenVerifier } from "livekit-server-sdk";
import { mintJobToken, mintParticipantToken, mintWorkerToken, verifyWebhook } from "../../../core/livekit/tokens.ts";

const CREDENTIALS = { apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" };
const JOB = { room: "r", identity: "agent-1", agentName: "echo", dispatchId: "d1", attempt: 2 };

function claimsOf(token: string) {
  return new TokenVerifier(CREDENTIALS.apiKey, CREDENTIALS.apiSecret).verify(token);
}

Deno.test("mintWorkerToken grants only to be a worker, for ten minutes", async () => {
  const claims = await claimsOf(await mintWorkerToken(CREDENTIALS));
  assert.deepEqual(claims.video, { agent: true });
  assert.equal(Number(claims.exp) - Number(claims.nbf), 600);
});

Deno.test("mintJobToken is an agent's, for one room, without the agent grant", async () => {
  const claims = await claimsOf(await mintJobToken(CREDENTIALS, JOB));
  assert.equal(claims.kind, "agent");
  assert.equal(claims.sub, "agent-1");
  assert.deepEqual(claims.video, {
    roomJoin: true,
    room: "r",
    canPublish: true,
    canSubscribe: true,
    canPublishData: true,
    canUpdateOwnMetadata: true,
    hidden: false,
  });
  assert.ok(Number(claims.exp) - Number(claims.nbf) <= 600);
});

Deno.test("mintJobToken sets our attributes, which an agent's own can't replace", async () => {
  const attributes = { mood: "good", "greenroom.attempt": "99" };
  const claims = await claimsOf(
    await mintJobToken(CREDENTIALS, { ...JOB, attributes, triggeringParticipant: "alice" }),
  );
  assert.deepEqual(claims.attributes, {
    mood: "good",
    "lk.agent_name": "echo",
    "greenroom.dispatch": "d1",
    "greenroom.attempt": "2",
    "greenroom.for": "alice",
  });
});

Deno.test("mintParticipantToken lets a participant join one room", async () => {
  const claims = await claimsOf(
    await mintParticipantToken(CREDENTIALS, { room: "r", identity: "alice", ttlMs: 5_000 }),
  );
  assert.deepEqual([claims.sub, claims.video], ["alice", { roomJoin: true, room: "r" }]);
  assert.equal(Number(claims.exp) - Number(claims.nbf), 5);
});

async function signed(body: string, secret = CREDENTIALS.apiSecret): Promise<string> {
  const token = new AccessToken(CREDENTIALS.apiKey, secret, { ttl: 60 });
  token.sha256 = createHash("sha256").update(body).digest("base64");
  return await token.toJwt();
}

Deno.test("verifyWebhook takes a body that our key signed", async () => {
  const body = JSON.stringify({ event: "room_started", room: { name: "r" } });
  const verdict = await verifyWebhook(CREDENTIALS, { body, authorization: await signed(body) });
  assert.ok(verdict.ok && verdict.event.room?.name === "r");
});

Deno.test("verifyWebhook refuses a missing, foreign or misplaced signature", async () => {
  const body = JSON.stringify({ event: "room_started" });
  const authorizations = [null, "", "x", await signed(body, "f".repeat(32)), await signed(`${body} `)];
  for (const authorization of authorizations) {
    const verdict = await verifyWebhook(CREDENTIALS, { body, authorization });
    assert.equal(verdict.ok, false, String(authorization));
    assert.ok(!verdict.ok && !verdict.reason.includes("eyJ"));
  }
});
