import assert from "node:assert/strict";
import fc from "fast-check";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";

const MAX_MS = 2 ** 48 - 1;

Deno.test("uuidv7 has version 7, variant 10 and the time in its first 48 bits, at any time", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_MS }), (ms) => {
      const id = uuidv7(ms);
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(Number.parseInt(id.slice(0, 13).replace("-", ""), 16), ms);
    }),
    { examples: [[0], [65_535], [65_536], [MAX_MS]] },
  );
});

Deno.test("uuidv7 sorts by time", () => {
  const ms = fc.integer({ min: 0, max: MAX_MS });
  fc.assert(fc.property(ms, ms, (a, b) => a === b || (uuidv7(a) < uuidv7(b)) === (a < b)));
});

Deno.test("uuidv7 differs each time, within one millisecond too", () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => uuidv7(1)));
  assert.equal(ids.size, 10_000);
});
