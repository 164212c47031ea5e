import assert from "node:assert/strict";
import { AttemptLimiter, bucketKeyOf } from "../../../core/auth/attempt_limiter.ts";

const LIMITS = { perMinute: 10, burst: 5 };

Deno.test("AttemptLimiter lets a burst through, then says how long to wait, then one per 6 s", () => {
  const limiter = new AttemptLimiter(LIMITS);
  const take = (nowMs: number) => limiter.take("192.0.2.1", nowMs);
  assert.deepEqual([0, 0, 0, 0, 0].map(take), [null, null, null, null, null]);
  assert.equal(take(0), 6);
  assert.equal(take(5_000), 1);
  assert.equal(take(6_000), null);
  assert.equal(take(6_000), 6);
  assert.equal(take(3_600_000), null);
});

Deno.test("AttemptLimiter does not hold one address up for another", () => {
  const limiter = new AttemptLimiter(LIMITS);
  for (let i = 0; i < 10; i++) limiter.take("192.0.2.1", 0);
  assert.equal(limiter.take("192.0.2.2", 0), null);
});

Deno.test("AttemptLimiter gives right attempts back, and never more than the burst", () => {
  const limiter = new AttemptLimiter(LIMITS);
  for (let i = 0; i < 100; i++) {
    assert.equal(limiter.take("192.0.2.1", 0), null);
    limiter.giveBack("192.0.2.1");
  }
  limiter.giveBack("192.0.2.1");
  const taken = Array.from({ length: 6 }, () => limiter.take("192.0.2.1", 0));
  assert.deepEqual(taken, [null, null, null, null, null, 6]);
});

Deno.test("AttemptLimiter counts the same wrong thing once, different ones each", () => {
  const limiter = new AttemptLimiter(LIMITS);
  for (let i = 0; i < 1_000; i++) assert.equal(limiter.takeOnce("192.0.2.1", "stale", 0), null);
  for (let i = 0; i < 4; i++) assert.equal(limiter.takeOnce("192.0.2.1", `guess ${i}`, 0), null);
  assert.equal(limiter.takeOnce("192.0.2.1", "guess 5", 0), 6);
  assert.equal(limiter.takeOnce("192.0.2.1", "stale", 0), null);
});

Deno.test("AttemptLimiter forgets the address not seen for longest when it knows 10,000", () => {
  const limiter = new AttemptLimiter({ perMinute: 10, burst: 1 });
  for (let i = 0; i < 9_999; i++) limiter.take(`a${i}`, 0);
  assert.equal(limiter.take("a0", 0), 6); // now the one seen last
  for (let i = 0; i < 100; i++) limiter.take(`b${i}`, 0);
  assert.equal(limiter.size, 10_000);
  assert.equal(limiter.take("a0", 0), 6);
  assert.equal(limiter.take("a1", 0), null);
});

Deno.test("bucketKeyOf takes an IPv6 host's /64 for one, and IPv4 written as IPv6 for IPv4", () => {
  assert.equal(bucketKeyOf("192.0.2.1"), "192.0.2.1");
  assert.equal(bucketKeyOf("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(bucketKeyOf("2001:db8::1"), "2001:db8:0:0");
  assert.equal(bucketKeyOf("2001:0db8:0:0:ffff:1:2:3"), "2001:db8:0:0");
  assert.equal(bucketKeyOf("2001:DB8:0:1::"), "2001:db8:0:1");
  assert.equal(bucketKeyOf("fe80::1%eth0"), "fe80:0:0:0");
  assert.equal(bucketKeyOf("::1"), "0:0:0:0");
});
