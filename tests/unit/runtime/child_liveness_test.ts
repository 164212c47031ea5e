import assert from "node:assert/strict";
import { ALIVE, nextLiveness, PING_INTERVAL_MS } from "../../../core/runtime/child_liveness.ts";

/** Seconds of silence after which a child is found stuck; null when it is not within `limit`. */
function stuckAfter({ cpuPerSecondMs, elapsedMs = PING_INTERVAL_MS, limit = 30 }: {
  cpuPerSecondMs: number | null;
  elapsedMs?: number;
  limit?: number;
}): number | null {
  let liveness = ALIVE;
  for (let second = 1; second <= limit; second++) {
    const cpuMs = cpuPerSecondMs === null ? null : 500 + second * cpuPerSecondMs;
    const next = nextLiveness(liveness, { hasAnswered: false, elapsedMs, cpuMs });
    if (next.isStuck) return second;
    liveness = next.liveness;
  }
  return null;
}

Deno.test("nextLiveness calls a silent child stuck after 4 s when it burns CPU and after 15 s when it does not", () => {
  assert.equal(stuckAfter({ cpuPerSecondMs: 1_000 }), 4);
  assert.equal(stuckAfter({ cpuPerSecondMs: 500 }), 4);
  assert.equal(stuckAfter({ cpuPerSecondMs: 0 }), 15);
  assert.equal(stuckAfter({ cpuPerSecondMs: null }), 15);
});

Deno.test("nextLiveness starts again when the child answers", () => {
  const silent = nextLiveness(ALIVE, { hasAnswered: false, elapsedMs: 1_000, cpuMs: 0 }).liveness;
  assert.equal(silent.silentMs, 1_000);
  const answered = nextLiveness(silent, { hasAnswered: true, elapsedMs: 1_000, cpuMs: null });
  assert.deepEqual(answered, { liveness: ALIVE, isStuck: false });
});

Deno.test("nextLiveness blames no child for the time that the control plane itself stood still", () => {
  const { liveness, isStuck } = nextLiveness(ALIVE, { hasAnswered: false, elapsedMs: 3_600_000, cpuMs: 0 });
  assert.equal(isStuck, false);
  assert.ok(liveness.silentMs <= 2 * PING_INTERVAL_MS);
});
