import assert from "node:assert/strict";
import type { OtherInstance } from "../../../core/coordination/fleet_directory.ts";
import { fleetAgents } from "../../../core/services/fleet_agents.ts";
import type { HostedAgent } from "../../../db/instance_agents.ts";

function hosted(agent: string, fields: Partial<HostedAgent> = {}): HostedAgent {
  return {
    ...{ agent, state: "ready", error: null, version: "1", jobType: "room", namespace: "", deployment: "" },
    ...{ maxJobs: null, used: 1, free: 4, warm: 2, isAdmitting: true, worker: null },
    ...fields,
  };
}

function other(instanceId: string, agents: (HostedAgent & { isStale?: boolean })[]): OtherInstance {
  return {
    ...{ instanceId, hostname: "other", version: "0", state: "running", region: null, isCordoned: false, maxJobs: 20 },
    agents: agents.map((agent) => ({ isStale: false, ...agent, instanceId, ageMs: 900 })),
  };
}

const find = (
  name: string,
  own: HostedAgent[],
  others: OtherInstance[],
  known: { name: string; error: string | null }[] = [],
) => fleetAgents({ instanceId: "me", hosted: own }, others, known).find((agent) => agent.name === name);

Deno.test("an agent's figures are those of all instances, and each of them is told apart", () => {
  const found = find("a", [hosted("a")], [other("x", [hosted("a", { version: "2", used: 3 })]), other("y", [])]);
  assert.deepEqual([found?.running, found?.free, found?.warm, found?.isHosted], [4, 8, 4, true]);
  assert.deepEqual(found?.instances.map(({ instanceId, version, ageMs }) => [instanceId, version, ageMs]), [
    ["me", "1", 0],
    ["x", "2", 900],
  ]);
});

Deno.test("what an instance has not repeated in time is unknown, never 0, and so are sums with it", () => {
  const found = find("a", [hosted("a")], [other("x", [{ ...hosted("a"), isStale: true }])]);
  assert.deepEqual([found?.running, found?.free, found?.warm, found?.state], [null, null, null, "ready"]);
  const [, stale] = found?.instances ?? [];
  assert.deepEqual([stale?.state, stale?.running, stale?.isAdmitting], ["unknown", null, null]);
  const alone = find("b", [], [other("x", [{ ...hosted("b"), isStale: true }])]);
  assert.deepEqual([alone?.state, alone?.isHosted, alone?.free], ["unknown", false, null]);
});

Deno.test("an agent that only others host has the best of their states; its own broken file is not hidden by theirs", () => {
  const others = [other("x", [hosted("a", { state: "broken", error: "boom" })]), other("y", [hosted("a")])];
  assert.deepEqual([find("a", [], others)?.state, find("a", [], others)?.isHosted], ["ready", false]);
  const own = find("a", [hosted("a", { state: "broken", error: "mine" })], others);
  assert.deepEqual([own?.state, own?.error], ["broken", "mine"]);
});

Deno.test("an agent that was seen once and is hosted nowhere is said to be so", () => {
  const found = find("gone", [hosted("a")], [], [{ name: "gone", error: null }, { name: "a", error: null }]);
  assert.deepEqual([found?.state, found?.running, found?.instances], ["not_hosted", null, []]);
  assert.equal(fleetAgents({ instanceId: "me", hosted: [] }, [], []).length, 0);
});
