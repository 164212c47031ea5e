import assert from "node:assert/strict";
import fc from "fast-check";
import { planWarmSlots } from "../../../core/runtime/warm_plan.ts";

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
