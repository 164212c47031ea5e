import assert from "node:assert/strict";
import { decidePresence } from "../../../core/dispatch/rules/present_agent.ts";

const OPENED = new Date("2026-11-22T10:00:00Z");
const agent = (connectedAfterMs: number | null, dispatchId = "d1", identity: string | null = "agent-1") => ({
  ...{ dispatchId, identity },
  connectedAtMs: connectedAfterMs === null ? null : OPENED.getTime() + connectedAfterMs,
});

Deno.test("A rule places its agent in a room that has none", () => {
  assert.deepEqual(decidePresence([], OPENED), { kind: "place" });
});

Deno.test("An agent that has joined this life of the room, or has not joined yet, is what the rule asks for", () => {
  assert.deepEqual(decidePresence([agent(80)], OPENED), { kind: "there", dispatchId: "d1" });
  assert.deepEqual(decidePresence([agent(-4_000)], OPENED), { kind: "there", dispatchId: "d1" }); // clocks differ
  assert.deepEqual(decidePresence([agent(null, "d2", null)], OPENED), { kind: "there", dispatchId: "d2" });
});

Deno.test("Of an agent that joined before the room began only the room can say whether it is there", () => {
  const verdict = { kind: "ask", dispatchId: "d1", identity: "agent-1" };
  assert.deepEqual(decidePresence([agent(-60_000)], OPENED), verdict);
  assert.deepEqual(decidePresence([agent(-60_000), agent(50, "d2")], OPENED), { kind: "there", dispatchId: "d2" });
});
