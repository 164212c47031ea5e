import { deepEqual } from "node:assert/strict";
import { refusalLines } from "../../../components/workers/refusal_lines.ts";

const worker = (agent: string, refusal: string | null, ...declines: { reason: string; count: number }[]) => ({
  ...{ agent, refusal, declines },
});

Deno.test("workers tell once why they take no jobs, unless their instance says so, and what they declined lately", () => {
  deepEqual(refusalLines([worker("a", null), worker("b", "cordoned"), worker("c", "instance_full")]), []);
  deepEqual(refusalLines([worker("a", "instance_memory"), worker("b", "instance_memory"), worker("c", "agent_full")]), [
    { agents: "a, b", text: "take no jobs now: instance memory." },
    { agents: "c", text: "takes no jobs now: it has as many jobs as it may." },
  ]);
  const declines = [{ reason: "instance_full", count: 1_200 }, { reason: "the agent's accept said no", count: 1 }];
  deepEqual(refusalLines([worker("a", "instance_full", ...declines)]), [{
    agents: "a",
    text: "declined 1,201 offers in the last ten minutes: no slot is free (1,200), the agent's accept said no (1).",
  }]);
});
