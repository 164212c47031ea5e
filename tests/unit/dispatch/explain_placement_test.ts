import assert from "node:assert/strict";
import { candidatesOf, nearestMissOf, whyPlaced } from "../../../core/dispatch/explain_placement.ts";
import type { CandidateRow } from "../../../db/placement_decisions.ts";

function row(instanceId: string, fields: Partial<CandidateRow> = {}): CandidateRow {
  return {
    ...{ instanceId, hostname: instanceId, region: null, state: "running", isCordoned: false, isHosting: true },
    ...{ running: 0, maxJobs: 2, loadRatio: null },
    ...fields,
  };
}

const refusals = (rows: CandidateRow[]) => candidatesOf(rows, null, null).map(({ refusal }) => refusal);

Deno.test("candidatesOf names what speaks against each instance, the strongest first", () => {
  assert.deepEqual(
    refusals([
      row("a"),
      row("b", { isHosting: false, running: 2 }),
      row("c", { state: "draining", isCordoned: true }),
      row("d", { isCordoned: true, running: 2 }),
      row("e", { running: 2 }),
    ]),
    [null, "agent_not_hosted", "draining", "cordoned", "instance_full"],
  );
});

Deno.test("candidatesOf takes an instance's own word for itself, and compares regions only when one was asked for", () => {
  const own = { instanceId: "a", running: 2, refusal: "agent_full" };
  const [a, b] = candidatesOf([row("a", { region: "eu" }), row("b", { region: "us" })], "eu", own);
  assert.deepEqual([a?.running, a?.refusal, a?.isInRegion, b?.isInRegion], [2, "agent_full", true, false]);
  assert.equal(candidatesOf([row("a", { region: "eu" })], null, null)[0]?.isInRegion, null);
});

Deno.test("nearestMissOf prefers what ends by itself to what somebody must do", () => {
  const rows = [
    row("lost", { isHosting: false }),
    row("cordoned", { isCordoned: true }),
    row("full", { running: 2 }),
    row("draining", { state: "draining" }),
  ];
  const order = [];
  for (let left = candidatesOf(rows, null, null); left.length > 0;) {
    const nearest = nearestMissOf(left);
    order.push(nearest?.instanceId);
    left = left.filter((each) => each !== nearest);
  }
  assert.deepEqual(order, ["full", "cordoned", "draining", "lost"]);
  assert.equal(nearestMissOf([]), null);
});

Deno.test("whyPlaced tells the ways of placement apart", () => {
  const placement = "direct";
  const ways = [
    whyPlaced({ placement, attempt: 1, waitedMs: 0 }),
    whyPlaced({ placement, attempt: 1, waitedMs: 5_000 }),
    whyPlaced({ placement, attempt: 2, waitedMs: 0 }),
    whyPlaced({ placement: "livekit", attempt: 1, waitedMs: 0 }),
  ];
  assert.equal(new Set(ways).size, ways.length);
});
