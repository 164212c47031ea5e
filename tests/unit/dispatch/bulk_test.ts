import assert from "node:assert/strict";
import { bulkRequestSchema } from "../../../core/dispatch/bulk/bulk_request.ts";
import { outcomeOfCancel, outcomeOfRequest, reasonOf } from "../../../core/dispatch/bulk/item_result.ts";
import { Pace } from "../../../core/dispatch/bulk/pace.ts";
import type { DispatchView } from "../../../core/dispatch/dispatch_view.ts";
import type { DispatchRefusal } from "../../../core/dispatch/refusal.ts";

const ID = "01890a5d-ac96-774b-bcce-b302099a8057";
const problemsOf = (request: unknown) => {
  const parsed = bulkRequestSchema.safeParse(request);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
};

Deno.test("Pace lets the first begin at once and the others an interval apart, also after a hold", () => {
  const pace = new Pace(10);
  assert.equal(pace.delayMs(1_000), 0);
  pace.took(1_000);
  assert.equal(pace.delayMs(1_000), 100);
  pace.took(1_130); // a timer was late by 30
  assert.equal(pace.delayMs(1_130), 70);
  pace.took(9_000); // it held for seconds: nothing is caught up on
  assert.equal(pace.delayMs(9_000), 100);
});

Deno.test("a bulk request names exactly one thing to act on, one that goes with its kind", () => {
  const requests = [{ agent: "echo", room: "r" }];
  for (
    const good of [
      { kind: "create", requests },
      { kind: "cancel", ids: [ID] },
      { kind: "retry", query: "state:failed", dryRun: true },
      { kind: "retry", group: { fingerprint: "f", since: "2026-01-01T00:00:00Z" }, itemsPerSecond: 200 },
    ]
  ) assert.deepEqual(problemsOf(good), []);
  assert.deepEqual(problemsOf({ kind: "create" }), ["requests give exactly one of requests"]);
  assert.deepEqual(problemsOf({ kind: "retry", ids: [ID], query: "a" }), ["ids give exactly one of ids, query, group"]);
  const group = { fingerprint: "f", since: "2026-01-01T00:00:00Z" };
  assert.deepEqual(problemsOf({ kind: "cancel", group }), ["group does not go with kind cancel"]);
  assert.deepEqual(problemsOf({ kind: "create", requests, ids: [ID] }), ["ids does not go with kind create"]);
  assert.match(problemsOf({ kind: "cancel", ids: [] }).join(), /^ids /);
  assert.match(problemsOf({ kind: "cancel", ids: ["x"] }).join(), /^ids\.0 /);
  assert.match(problemsOf({ kind: "cancel", ids: [ID], itemsPerSecond: 0 }).join(), /^itemsPerSecond /);
});

Deno.test("an item is done, skipped, failed or held by what the dispatcher answers", () => {
  const dispatch = { id: ID } as DispatchView;
  const refused = (refusal: DispatchRefusal) => {
    const outcome = outcomeOfRequest({ ok: false, refusal });
    return outcome.kind === "hold" ? `hold ${outcome.retryAfterMs}` : `${outcome.result.state} ${outcome.result.code}`;
  };
  assert.deepEqual(outcomeOfRequest({ ok: true, dispatch, isNew: false, outcome: "reached" }), {
    kind: "result",
    result: { state: "done", resultDispatchId: ID, code: null, reason: null },
  });
  assert.equal(refused({ code: "queue_full", agent: "a", capacity: 1, retryAfterSeconds: 5 }), "hold 5000");
  assert.equal(refused({ code: "rate_limited", scope: "room", retryAfterSeconds: 1 }), "hold 1000");
  assert.equal(refused({ code: "not_ended", dispatchId: ID }), "skipped not_ended");
  assert.equal(refused({ code: "unknown_agent", agent: "a", nearest: [] }), "failed unknown_agent");
  const outcome = outcomeOfCancel({ ok: true, dispatch, wasEnded: true });
  assert.deepEqual(outcome.kind === "result" && [outcome.result.state, outcome.result.code], [
    "skipped",
    "already_ended",
  ]);
  assert.equal(reasonOf("already_ended", null), "It had ended already.");
  assert.equal(reasonOf("unknown_agent", "said"), "said");
  assert.equal(reasonOf(null, null), null);
});
