import assert from "node:assert/strict";
import { DispatchLimits } from "../../../core/dispatch/dispatch_limits.ts";

const NONE = { burst: 1, perSecond: 0 };
const ASKED = { server: "local", room: "room", actor: "rest:key" };

Deno.test("a room takes its burst at once, then one per interval, and other rooms are not concerned", () => {
  const limits = new DispatchLimits({ global: NONE, room: { burst: 2, perSecond: 10 }, key: NONE });
  assert.deepEqual([limits.take(ASKED, 0).ok, limits.take(ASKED, 0).ok], [true, true]);
  assert.deepEqual(limits.take(ASKED, 0), { ok: false, scope: "room", retryAfterMs: 100 });
  assert.ok(limits.take({ ...ASKED, room: "other" }, 0).ok);
  assert.ok(limits.take({ ...ASKED, server: "other" }, 0).ok);
  assert.deepEqual(limits.take(ASKED, 99).ok, false);
  assert.ok(limits.take(ASKED, 100).ok);
});

Deno.test("the instance and an API key have limits of their own; who is no key has none", () => {
  const all = new DispatchLimits({ global: { burst: 1, perSecond: 1 }, room: NONE, key: NONE });
  assert.ok(all.take(ASKED, 0).ok);
  assert.deepEqual(all.take({ ...ASKED, room: "other", actor: "x" }, 0), {
    ok: false,
    scope: "global",
    retryAfterMs: 1_000,
  });
  const keys = new DispatchLimits({ global: NONE, room: NONE, key: { burst: 1, perSecond: 1 } });
  assert.ok(keys.take(ASKED, 0).ok);
  assert.ok(keys.take({ ...ASKED, actor: "rest:other" }, 0).ok);
  assert.equal(keys.take(ASKED, 0).ok, false);
  for (let i = 0; i < 3; i++) assert.ok(keys.take({ ...ASKED, actor: "dashboard:ada" }, 0).ok);
});
