import assert from "node:assert/strict";
import { participantIdentityOf } from "../../../core/agent/participant_identity.ts";

const FACTS = { jobId: "j1", agent: "echo", room: "r", participant: null, attempt: 1 };

Deno.test("participantIdentityOf is agent-<jobId> unless the agent has a template, which it fills", () => {
  assert.equal(participantIdentityOf(null, FACTS), "agent-j1");
  assert.equal(participantIdentityOf("{agent}@{room} {participant}", { ...FACTS, participant: "ada" }), "echo@r ada");
  assert.equal(participantIdentityOf("bot-{participant}", FACTS), "bot-");
});

Deno.test("participantIdentityOf gives each attempt an identity of its own, within LiveKit's limit", () => {
  assert.equal(participantIdentityOf("bot", { ...FACTS, attempt: 2 }), "bot-2");
  assert.equal(participantIdentityOf("bot-{jobId}", { ...FACTS, attempt: 2 }), "bot-j1");
  const long = participantIdentityOf("{room}", { ...FACTS, room: "x".repeat(300), attempt: 12 });
  assert.equal(long.length, 256);
  assert.ok(long.endsWith("-12"));
});
