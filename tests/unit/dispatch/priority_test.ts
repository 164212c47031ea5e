import assert from "node:assert/strict";
import { priorityOf, rankAt } from "../../../core/dispatch/priority.ts";
import { PRIORITIES } from "../../../db/schema/states.ts";

const AT = new Date("2026-01-02T03:04:05.678Z");

Deno.test("rankAt puts urgent before high before normal before low, when made at one time", () => {
  const ranks = PRIORITIES.map((priority) => rankAt(AT, priority).getTime());
  assert.deepEqual(ranks, ranks.toSorted((a, b) => a - b));
  assert.equal(new Set(ranks).size, PRIORITIES.length);
  assert.deepEqual(rankAt(AT, "normal"), AT);
});

Deno.test("rankAt keeps the order of making within a priority, and lets an old low one pass a new urgent one", () => {
  for (const priority of PRIORITIES) {
    assert.ok(rankAt(AT, priority) < rankAt(new Date(AT.getTime() + 1), priority));
  }
  const minutesLater = (minutes: number) => new Date(AT.getTime() + minutes * 60_000);
  assert.ok(rankAt(AT, "low") > rankAt(minutesLater(10), "urgent"));
  assert.ok(rankAt(AT, "low") < rankAt(minutesLater(12), "urgent"));
});

Deno.test("priorityOf takes the request's word before the metadata's, the agent's function and the kind of job", () => {
  const none = { requested: null, inMetadata: null, fromAgent: null, jobType: "room" } as const;
  assert.equal(priorityOf(none), "normal");
  assert.equal(priorityOf({ ...none, jobType: "publisher" }), "high");
  assert.equal(priorityOf({ ...none, jobType: "publisher", fromAgent: "low" }), "low");
  assert.equal(priorityOf({ ...none, inMetadata: "high", fromAgent: "low" }), "high");
  assert.equal(priorityOf({ ...none, requested: "urgent", inMetadata: "high", fromAgent: "low" }), "urgent");
});
