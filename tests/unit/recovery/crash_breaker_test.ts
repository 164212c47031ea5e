import assert from "node:assert/strict";
import {
  afterCrash,
  afterService,
  type Breaker,
  CLOSED,
  DEFAULT_BREAKER,
  PROBE_WAIT_MS,
  tryStart,
} from "../../../core/recovery/crash_breaker.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const later = (ms: number) => new Date(NOW.getTime() + ms);

function crashed(times: number, from: Breaker = CLOSED): Breaker {
  let breaker = from;
  for (let n = 0; n < times; n++) breaker = afterCrash(breaker, "exit 1", DEFAULT_BREAKER, NOW);
  return breaker;
}

Deno.test("A breaker opens at its threshold of crashes in a row, and not before", () => {
  assert.equal(crashed(DEFAULT_BREAKER.threshold - 1).state, "closed");
  const open = crashed(DEFAULT_BREAKER.threshold);
  assert.deepEqual(open, {
    ...{ state: "open", failures: 5, reason: "exit 1", openedAt: NOW },
    probeAt: later(DEFAULT_BREAKER.pauseMs),
  });
});

Deno.test("A job that served in between starts the count anew", () => {
  assert.equal(crashed(4, afterService(crashed(4))).state, "closed");
});

Deno.test("An open breaker lets nothing start until its pause is over, and then one job alone, until nothing is heard of it", () => {
  const open = crashed(5);
  assert.equal(tryStart(open, later(DEFAULT_BREAKER.pauseMs - 1)).mayStart, false);
  const probe = tryStart(open, later(DEFAULT_BREAKER.pauseMs));
  assert.deepEqual([probe.mayStart, probe.breaker.state], [true, "half_open"]);
  assert.equal(tryStart(probe.breaker, later(DEFAULT_BREAKER.pauseMs + PROBE_WAIT_MS - 1)).mayStart, false);
  assert.equal(tryStart(probe.breaker, later(DEFAULT_BREAKER.pauseMs + PROBE_WAIT_MS)).mayStart, true);
});

Deno.test("A probe that serves closes the breaker; one that fails opens it for twice as long, within the limit", () => {
  const { breaker } = tryStart(crashed(5), later(DEFAULT_BREAKER.pauseMs));
  assert.deepEqual(afterService(breaker), CLOSED);
  const again = afterCrash(breaker, "exit 1", DEFAULT_BREAKER, NOW);
  assert.deepEqual([again.state, again.probeAt], ["open", later(DEFAULT_BREAKER.pauseMs * 2)]);
  assert.deepEqual(crashed(100).probeAt, later(DEFAULT_BREAKER.maxPauseMs));
});
