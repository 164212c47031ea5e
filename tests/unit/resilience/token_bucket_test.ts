import assert from "node:assert/strict";
import fc from "fast-check";
import { type Limit, TokenBuckets } from "../../../core/resilience/token_bucket.ts";

const ROOM: Limit = { scope: "room", key: "a", policy: { burst: 2, perSecond: 10 } };
const GLOBAL: Limit = { scope: "global", key: "", policy: { burst: 3, perSecond: 1 } };

Deno.test("A bucket gives its burst at once, then as many as it gains, and says when to come back", () => {
  const buckets = new TokenBuckets();
  assert.deepEqual([1, 2].map(() => buckets.take([ROOM], 0).ok), [true, true]);
  assert.deepEqual(buckets.take([ROOM], 0), { ok: false, scope: "room", retryAfterMs: 100 });
  assert.deepEqual(buckets.take([ROOM], 40), { ok: false, scope: "room", retryAfterMs: 60 });
  assert.deepEqual(buckets.take([ROOM], 100), { ok: true });
  assert.equal(buckets.take([{ ...ROOM, key: "b" }], 100).ok, true);
});

Deno.test("A request that one bucket refuses takes from none, and hears of the longest wait", () => {
  const buckets = new TokenBuckets();
  const other = (key: string): Limit => ({ ...ROOM, key });
  for (const key of ["x", "y", "z"]) assert.equal(buckets.take([other(key), GLOBAL], 0).ok, true);
  assert.deepEqual(buckets.take([other("w"), GLOBAL], 0), { ok: false, scope: "global", retryAfterMs: 1_000 });
  assert.deepEqual([1, 2, 3].map(() => buckets.take([other("w")], 0).ok), [true, true, false]);
});

Deno.test("Buckets that are full again are forgotten while others are used, so that names seen once don't add up", () => {
  const buckets = new TokenBuckets();
  for (let n = 0; n < 1_000; n++) buckets.take([{ ...ROOM, key: `room-${n}` }, GLOBAL], n * 100);
  assert.ok(buckets.size <= 4, `${buckets.size} buckets`);
});

Deno.test("No bucket ever gives more than its burst and what it gained", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }), (gapsMs) => {
    const buckets = new TokenBuckets();
    let nowMs = 0;
    let given = 0;
    for (const gapMs of gapsMs) {
      nowMs += gapMs;
      if (buckets.take([ROOM], nowMs).ok) given += 1;
    }
    assert.ok(given <= ROOM.policy.burst + nowMs * ROOM.policy.perSecond / 1_000);
  }));
});
