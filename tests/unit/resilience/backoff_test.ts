import assert from "node:assert/strict";
import fc from "fast-check";
import { backoffCeilingMs, fullJitterMs } from "../../../core/resilience/backoff.ts";

const RECONNECT = { firstMs: 500, maxMs: 30_000 };

Deno.test("backoffCeilingMs doubles from firstMs and stays at maxMs", () => {
  const ceilings = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((attempt) => backoffCeilingMs(attempt, RECONNECT));
  assert.deepEqual(ceilings, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("backoffCeilingMs treats attempt 0 and below as the first", () => {
  assert.equal(backoffCeilingMs(0, RECONNECT), 500);
  assert.equal(backoffCeilingMs(-3, RECONNECT), 500);
});

Deno.test("fullJitterMs uses the whole range from 0 to the ceiling", () => {
  assert.equal(fullJitterMs(3, RECONNECT, () => 0), 0);
  assert.equal(fullJitterMs(3, RECONNECT, () => 0.5), 1_000);
  assert.ok(fullJitterMs(3, RECONNECT, () => 0.999_999) < 2_000);
});

Deno.test("fullJitterMs never exceeds maxMs for any attempt and settings", () => {
  fc.assert(fc.property(
    fc.nat({ max: 1e9 }),
    fc.integer({ min: 1, max: 60_000 }),
    fc.integer({ min: 1, max: 600_000 }),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    (attempt, firstMs, maxMs, drawn) => {
      const waitMs = fullJitterMs(attempt, { firstMs, maxMs }, () => drawn);
      return waitMs >= 0 && waitMs <= maxMs && Number.isFinite(waitMs);
    },
  ));
});
