import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DEMAND_WINDOW_MS,
  memoryPressure,
  NO_DEMAND,
  peakStarts,
  planWarmSlots,
  recentDemand,
  withStart,
} from "../../../core/runtime/warm_plan.ts";

const demand = fc.record({
  agent: fc.string({ minLength: 1, maxLength: 3 }),
  warmSlots: fc.nat({ max: 5 }),
  lastUsedMs: fc.nat({ max: 3 }),
});
const demands = fc.uniqueArray(demand, { selector: ({ agent }) => agent, maxLength: 8 });

Deno.test("planWarmSlots gives no agent more than it asks for and all together no more than the cap", () => {
  fc.assert(fc.property(demands, fc.nat({ max: 12 }), (asked, cap) => {
    const plan = planWarmSlots(asked, cap);
    const granted = asked.map(({ agent }) => plan.get(agent) ?? -1);
    for (const [i, { warmSlots }] of asked.entries()) {
      assert.ok((granted[i] ?? -1) >= 0 && (granted[i] ?? 9) <= warmSlots);
    }
    const sum = granted.reduce((a, b) => a + b, 0);
    const wanted = asked.reduce((a, { warmSlots }) => a + warmSlots, 0);
    assert.equal(sum, Math.min(cap, wanted));
  }));
});

Deno.test("planWarmSlots serves the agents that were used last, then by name", () => {
  const plan = planWarmSlots([
    { agent: "old", warmSlots: 2, lastUsedMs: 1 },
    { agent: "b", warmSlots: 2, lastUsedMs: 0 },
    { agent: "a", warmSlots: 2, lastUsedMs: 0 },
    { agent: "new", warmSlots: 2, lastUsedMs: 9 },
  ], 5);
  assert.deepEqual(Object.fromEntries(plan), { new: 2, old: 2, a: 1, b: 0 });
});

Deno.test("planWarmSlots grows to what came at once, but not beyond the cap, the agent's free jobs, or an agent that wants none", () => {
  const used = { lastUsedMs: 1, peakStarts: 5 };
  const plan = (more: { warmSlots: number; freeJobs?: number }, cap = 8) =>
    planWarmSlots([{ agent: "a", ...used, ...more }], cap).get("a");
  assert.equal(plan({ warmSlots: 2 }), 5);
  assert.equal(plan({ warmSlots: 2 }, 3), 3);
  assert.equal(plan({ warmSlots: 2, freeJobs: 4 }), 4);
  assert.equal(plan({ warmSlots: 2, freeJobs: 0 }), 2);
  assert.equal(plan({ warmSlots: 0 }), 0);
});

Deno.test("planWarmSlots gives all agents what they ask for before any grows", () => {
  const plan = planWarmSlots([
    { agent: "busy", warmSlots: 1, lastUsedMs: 2, peakStarts: 9 },
    { agent: "quiet", warmSlots: 2, lastUsedMs: 1 },
  ], 4);
  assert.deepEqual(Object.fromEntries(plan), { busy: 2, quiet: 2 });
});

Deno.test("planWarmSlots counts processes, so that an agent whose jobs share one takes one of the cap", () => {
  const shared = { agent: "shared", warmSlots: 10, jobsPerProcess: 10, lastUsedMs: 2 };
  const plan = planWarmSlots([shared, { agent: "single", warmSlots: 3, lastUsedMs: 1 }], 3);
  assert.deepEqual(Object.fromEntries(plan), { shared: 10, single: 2 });
});

Deno.test("planWarmSlots takes the grown part away when memory is low, and everything when it is critical", () => {
  const demands = [{ agent: "a", warmSlots: 2, lastUsedMs: 1, peakStarts: 6 }];
  assert.equal(planWarmSlots(demands, 8, "none").get("a"), 6);
  assert.equal(planWarmSlots(demands, 8, "low_memory").get("a"), 2);
  assert.equal(planWarmSlots(demands, 8, "critical").get("a"), 0);
});

Deno.test("memoryPressure begins below the least free memory, is critical below half of it, and is none when unknown", () => {
  assert.deepEqual([100, 99, 50, 49].map((bytes) => memoryPressure(bytes, 100)), [
    "none",
    "low_memory",
    "low_memory",
    "critical",
  ]);
  assert.equal(memoryPressure(null, 100), "none");
  assert.equal(memoryPressure(0, 0), "none");
});

Deno.test("peakStarts counts the starts that came within one refill", () => {
  const demand = [0, 100, 200, 5_000, 5_100, 9_000].reduce(withStart, NO_DEMAND);
  assert.equal(peakStarts(demand, 400), 3);
  assert.equal(peakStarts(demand, 10_000), 6);
  assert.equal(peakStarts(NO_DEMAND, null), 0);
});

Deno.test("recentDemand forgets starts after its window", () => {
  const demand = [0, 1_000, 2_000].reduce(withStart, NO_DEMAND);
  assert.deepEqual(recentDemand(demand, DEMAND_WINDOW_MS), [1_000, 2_000]);
  assert.deepEqual(recentDemand(demand, DEMAND_WINDOW_MS + 5_000), []);
});
