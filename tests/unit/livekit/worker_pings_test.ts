import assert from "node:assert/strict";
import { WorkerPings } from "../../../core/livekit/worker_pings.ts";

const INTERVAL_MS = 600_000;

function recordedPings({ isOpen = true } = {}) {
  const sent: bigint[] = [];
  const roundTrips: number[] = [];
  const pings = new WorkerPings({
    send: (timestamp) => isOpen && sent.push(timestamp) > 0,
    onRoundTrip: (ms) => roundTrips.push(ms),
  });
  return { pings, sent, roundTrips };
}

Deno.test("WorkerPings calls a peer dead at the second tick in a row that heard nothing", () => {
  const { pings } = recordedPings();
  assert.deepEqual([1, 2, 3].map(() => pings.tick(INTERVAL_MS)), ["alive", "alive", "dead"]);
  pings.finish();
});

Deno.test("WorkerPings forgives a miss when anything is heard", () => {
  const { pings } = recordedPings();
  const ticks = [1, 2, 3, 4, 5].map((n) => {
    if (n % 2 === 0) pings.noteLife();
    return pings.tick(INTERVAL_MS);
  });
  assert.deepEqual(ticks, Array(5).fill("alive"));
  pings.finish();
});

Deno.test("WorkerPings settles each ping by its own pong only, and all by finish", async () => {
  const { pings, sent, roundTrips } = recordedPings();
  const [first, second, third] = [pings.ping(INTERVAL_MS), pings.ping(INTERVAL_MS), pings.ping(INTERVAL_MS)];
  assert.equal(new Set(sent).size, 3);
  pings.notePong(sent[1] ?? 0n);
  pings.notePong(12n);
  assert.equal(await second, true);
  pings.finish();
  assert.deepEqual(await Promise.all([first, third]), [false, false]);
  assert.equal(roundTrips.length, 1);
});

Deno.test("WorkerPings says false at once when nothing can be sent or no time is left", async () => {
  assert.equal(await recordedPings({ isOpen: false }).pings.ping(INTERVAL_MS), false);
  assert.equal(await recordedPings().pings.ping(0), false);
});
