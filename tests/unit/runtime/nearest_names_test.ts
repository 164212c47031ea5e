import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearestNames } from "../../../core/runtime/nearest_names.ts";

Deno.test("editDistance is a metric", () => {
  const text = fc.string({ maxLength: 8 });
  fc.assert(fc.property(text, text, text, (a, b, c) => {
    assert.equal(editDistance(a, a), 0);
    assert.equal(editDistance(a, b), editDistance(b, a));
    assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
    assert.ok(editDistance(a, b) >= Math.abs(a.length - b.length));
  }));
});

Deno.test("nearestNames lists near names by distance and leaves out unlike ones", () => {
  const names = ["support", "sport", "echo", "Supporter"];
  assert.deepEqual(nearestNames("suport", names, 3), ["sport", "support", "Supporter"]);
  assert.deepEqual(nearestNames("suport", names, 1), ["sport"]);
  assert.deepEqual(nearestNames("zzz", names, 3), []);
});
