import assert from "node:assert/strict";
import { MAX_AHEAD_MS, scheduleOf } from "../../../core/dispatch/schedule.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const after = (ms: number) => new Date(NOW.getTime() + ms);

Deno.test("scheduleOf counts the deadline from the start that was asked for, or from now", () => {
  assert.deepEqual(scheduleOf({}, NOW), { ok: true, scheduledAt: null, deadlineAt: null });
  assert.deepEqual(scheduleOf({ deadlineMs: 5 }, NOW), { ok: true, scheduledAt: null, deadlineAt: after(5) });
  assert.deepEqual(
    scheduleOf({ scheduledAt: "2026-01-02T04:04:06.678+01:00", deadlineMs: 5 }, NOW),
    { ok: true, scheduledAt: after(1_000), deadlineAt: after(1_005) },
  );
});

Deno.test("scheduleOf takes a start in the past for one at once, also when LiveKit places it", () => {
  const scheduledAt = after(-1).toISOString();
  assert.deepEqual(scheduleOf({ scheduledAt, placement: "livekit" }, NOW), {
    ok: true,
    scheduledAt: null,
    deadlineAt: null,
  });
});

Deno.test("scheduleOf refuses a start beyond 30 days, and one that LiveKit would have to keep", () => {
  assert.ok(scheduleOf({ scheduledAt: after(MAX_AHEAD_MS).toISOString() }, NOW).ok);
  assert.deepEqual(scheduleOf({ scheduledAt: after(MAX_AHEAD_MS + 1).toISOString() }, NOW), {
    ok: false,
    problem: "too_far",
  });
  assert.deepEqual(scheduleOf({ scheduledAt: after(1_000).toISOString(), placement: "livekit" }, NOW), {
    ok: false,
    problem: "with_livekit",
  });
});
