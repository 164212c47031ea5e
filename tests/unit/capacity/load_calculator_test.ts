import assert from "node:assert/strict";
import fc from "fast-check";
import {
  customLoad,
  jobCountLoad,
  type LoadPoint,
  predictedLoad,
  PREDICTIVE_SAMPLES,
  weightedLoad,
} from "../../../core/capacity/load_calculator.ts";
import { scaleLoad } from "../../../core/livekit/worker_messages.ts";

const near = (actual: number | null, expected: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

Deno.test("jobCountLoad is jobs / max, and 0.1 for each job where there is no limit", () => {
  assert.equal(jobCountLoad({ usedJobs: 5, maxJobs: 20 }), 0.25);
  assert.equal(jobCountLoad({ usedJobs: 20, maxJobs: 20 }), 1);
  near(jobCountLoad({ usedJobs: 3, maxJobs: Infinity }), 0.3);
  assert.equal(jobCountLoad({ usedJobs: 15, maxJobs: Infinity }), 1);
  assert.equal(jobCountLoad({ usedJobs: 0, maxJobs: 0 }), 1);
});

Deno.test("weightedLoad is 0.4 jobs + 0.3 CPU + 0.3 memory", () => {
  near(weightedLoad({ usedJobs: 5, maxJobs: 10, cpuRatio: 1, memoryRatio: 0 }), 0.5);
  near(weightedLoad({ usedJobs: 10, maxJobs: 10, cpuRatio: 0.5, memoryRatio: 0.5 }), 0.7);
});

Deno.test("weightedLoad leaves out what is unknown, and never takes it for nothing", () => {
  near(weightedLoad({ usedJobs: 5, maxJobs: 10, cpuRatio: null, memoryRatio: null }), 0.5);
  near(weightedLoad({ usedJobs: 5, maxJobs: 10, cpuRatio: 1, memoryRatio: null }), (0.4 * 0.5 + 0.3) / 0.7);
});

Deno.test("predictedLoad follows a straight line exactly, whatever its slope, and stays within 0 and 1", () => {
  fc.assert(fc.property(
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.double({ min: -0.0001, max: 0.0001, noNaN: true }),
    fc.integer({ min: 2, max: PREDICTIVE_SAMPLES }),
    (start, slopePerMs, count) => {
      const lineAt = (atMs: number) => start + slopePerMs * atMs;
      const points = Array.from({ length: count }, (_, i) => ({ atMs: i * 1_000, load: lineAt(i * 1_000) }));
      const expected = Math.min(1, Math.max(0, lineAt((count - 1) * 1_000 + 2_500)));
      const predicted = predictedLoad(points, 2_500);
      assert.ok(predicted !== null && Math.abs(predicted - expected) < 1e-6);
    },
  ));
});

Deno.test("predictedLoad looks back on the last ten loads only", () => {
  const old: LoadPoint[] = Array.from({ length: 50 }, (_, i) => ({ atMs: i, load: 1 }));
  const recent = Array.from({ length: PREDICTIVE_SAMPLES }, (_, i) => ({ atMs: 1_000 + i, load: 0.2 }));
  near(predictedLoad([...old, ...recent], 2_500), 0.2);
});

Deno.test("predictedLoad does with one load, or several of one moment, and has none without any", () => {
  assert.equal(predictedLoad([], 2_500), null);
  assert.equal(predictedLoad([{ atMs: 5, load: 0.4 }], 2_500), 0.4);
  near(predictedLoad([{ atMs: 5, load: 0.4 }, { atMs: 5, load: 0.6 }], 2_500), 0.5);
});

Deno.test("customLoad takes numbers only, and brings them between 0 and 1", () => {
  assert.deepEqual([0.3, -1, 7, Infinity].map(customLoad), [0.3, 0, 1, 1]);
  for (const value of [NaN, "0.3", null, undefined, {}, true]) assert.equal(customLoad(value), null);
});

Deno.test("no calculator's load of a worker with a free slot reaches the server's target load once it is scaled", () => {
  const ratio = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.nat(20), ratio, ratio, fc.double({ noNaN: true }), (usedJobs, cpuRatio, memoryRatio, custom) => {
      const input = { usedJobs, maxJobs: 20, cpuRatio, memoryRatio };
      const weighted = weightedLoad(input);
      const loads = [
        jobCountLoad(input),
        weighted,
        predictedLoad([{ atMs: 0, load: 0 }, { atMs: 1, load: weighted }], 2_500) ?? 0,
        customLoad(custom) ?? 0,
      ];
      for (const load of loads) assert.ok(load >= 0 && load <= 1 && scaleLoad(load) < 0.7);
    }),
  );
});
