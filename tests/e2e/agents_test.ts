/** Agents in a folder outside the project; files among them that can't be loaded hurt nobody else. */
import assert from "node:assert/strict";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({
    agents: ["echo", "loops_at_load", "picky", "throws_at_load"],
    env: { GREENROOM_HOST_TIMEOUT_MS: "5000", GREENROOM_WARM_SLOTS: "1" },
  });
});
Deno.test.afterAll(() => greenroom?.stop());

interface AgentView {
  name: string;
  state: string;
  error: string | null;
  descriptor: { metadataSchema: { required: string[] } | null } | null;
}

Deno.test("agent files that throw or loop while loading are shown as broken with their error, the others as ready", async () => {
  const { items } = await greenroom.get("/api/v1/agents");
  const agents = new Map<string, AgentView>(items.map((agent: AgentView) => [agent.name, agent]));
  assert.deepEqual(items.map(({ name, state }: AgentView) => [name, state]), [
    ["echo", "ready"],
    ["loops_at_load", "broken"],
    ["picky", "ready"],
    ["throws_at_load", "broken"],
  ]);
  assert.match(agents.get("loops_at_load")?.error ?? "", /did not load within 5000 ms/);
  assert.match(agents.get("throws_at_load")?.error ?? "", /no settings for this agent/);
  assert.deepEqual(agents.get("picky")?.descriptor?.metadataSchema?.required, ["customer"]);
});

Deno.test("an agent outside the project gets ready, beside broken ones", async () => {
  const { status, body } = await greenroom.dispatch({ agent: "echo", room: "outside" });
  assert.equal(status, 201, JSON.stringify(body));
});

for (const agent of ["loops_at_load", "throws_at_load"]) {
  Deno.test(`a dispatch of the broken agent ${agent} waits, flagged as agent_broken`, async () => {
    const { status, body } = await greenroom.dispatch({ agent, room: "waits" }, "wait=ready&waitMs=100");
    assert.deepEqual([status, body.code], [504, "agent_broken"]);
    assert.match(body.remedy, /GET \/api\/v1\/agents/);
    const { state, waitingReason } = await greenroom.get(`/api/v1/dispatches/${body.dispatch.id}`);
    assert.deepEqual([state, waitingReason], ["queued", "agent_broken"]);
  });
}
