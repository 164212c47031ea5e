import assert from "node:assert/strict";
import { rankAt } from "../../../core/dispatch/priority.ts";
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
