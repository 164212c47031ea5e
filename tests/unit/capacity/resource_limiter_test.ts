import assert from "node:assert/strict";
import fc from "fast-check";
import { type LimitEvent, ResourceLimiter, type ResourceUse } from "../../../core/capacity/resource_limiter.ts";

const NOTHING: ResourceUse = { cpuRatio: 0, memoryBytes: 0, processes: 0, openFiles: 0 };
const use = (fields: Partial<ResourceUse>): ResourceUse => ({ ...NOTHING, ...fields });

function measure(limiter: ResourceLimiter, fields: Partial<ResourceUse>, times = 1): void {
  for (let i = 0; i < times; i++) limiter.observe(use(fields));
}

Deno.test("ResourceLimiter without limits refuses nothing, whatever is used", () => {
  const limiter = new ResourceLimiter();
  measure(limiter, { cpuRatio: 1, memoryBytes: 1e15, processes: 1e9, openFiles: 1e9 }, 5);
  assert.equal(limiter.refusal({ memoryBytes: 1e12, processes: 1_000 }), null);
  assert.equal(limiter.fits({ memoryBytes: 1 }), Infinity);
  assert.deepEqual(limiter.snapshot(), []);
});

const RESOURCES: [refusal: string, limit: Record<string, number>, at: (share: number) => Partial<ResourceUse>][] = [
  ["instance_cpu", { cpuPercent: 80 }, (share) => ({ cpuRatio: 0.8 * share })],
  ["instance_memory", { memoryBytes: 1_000 }, (share) => ({ memoryBytes: 1_000 * share })],
  ["instance_processes", { processes: 50 }, (share) => ({ processes: 50 * share })],
  ["instance_open_files", { openFiles: 200 }, (share) => ({ openFiles: 200 * share })],
];

for (const [refusal, limit, at] of RESOURCES) {
  Deno.test(`ResourceLimiter refuses with ${refusal} from its limit on until below 90 % of it, and tells both`, () => {
    const limiter = new ResourceLimiter(limit);
    const events: LimitEvent[] = [];
    const stop = limiter.onLimit((event) => events.push(event));
    measure(limiter, at(0.99), 3);
    assert.equal(limiter.refusal(), null);
    measure(limiter, at(1), 3);
    assert.equal(limiter.refusal(), refusal);
    assert.equal(limiter.fits(), 0);
    measure(limiter, at(0.95), 3);
    assert.equal(limiter.refusal(), refusal, "it has not recovered yet");
    measure(limiter, at(0.89), 3);
    assert.equal(limiter.refusal(), null);
    assert.deepEqual(events.map(({ isReached }) => isReached), [true, false]);
    assert.equal(`instance_${events[0]?.resource}`, refusal);
    stop();
    measure(limiter, at(1), 3);
    assert.equal(events.length, 2);
  });
}

Deno.test("ResourceLimiter takes a busy second for no limit: CPU counts as the mean of three measurements", () => {
  const limiter = new ResourceLimiter({ cpuPercent: 80 });
  for (const cpuRatio of [1, 1]) measure(limiter, { cpuRatio });
  assert.equal(limiter.refusal(), null, "too few measurements");
  measure(limiter, { cpuRatio: 0.1 });
  assert.equal(limiter.refusal(), null);
  measure(limiter, { cpuRatio: 1 }, 2);
  measure(limiter, { cpuRatio: 1 });
  assert.equal(limiter.refusal(), "instance_cpu");
});

Deno.test("ResourceLimiter refuses what does not fit beside what is promised, and takes it again when it is released", () => {
  const limiter = new ResourceLimiter({ memoryBytes: 1_000, processes: 5 });
  measure(limiter, { memoryBytes: 400, processes: 2 });
  const need = { memoryBytes: 200, processes: 1 };
  assert.equal(limiter.fits(need), 3);
  const held = [limiter.reserve(need), limiter.reserve(need)];
  assert.equal(limiter.fits(need), 1);
  assert.equal(limiter.refusal({ memoryBytes: 201 }), "instance_memory");
  assert.equal(limiter.refusal({ processes: 2 }), "instance_processes");
  held[0]?.release();
  held[0]?.release();
  assert.equal(limiter.fits(need), 2);
});

Deno.test("ResourceLimiter counts a new job beside the measurement until its process has grown, a declaration for good", () => {
  const limiter = new ResourceLimiter({ memoryBytes: 1_000 });
  measure(limiter, { memoryBytes: 100 });
  limiter.reserve({ memoryBytes: 300 }, "grown");
  const declared = limiter.reserve({ memoryBytes: 300 });
  assert.equal(limiter.fits({ memoryBytes: 100 }), 3);
  measure(limiter, { memoryBytes: 400 }, 5); // the job is part of it now
  assert.equal(limiter.fits({ memoryBytes: 100 }), 3);
  declared.release();
  assert.equal(limiter.fits({ memoryBytes: 100 }), 6);
});

Deno.test("ResourceLimiter keeps a limit that was reached while it can't be measured", () => {
  const limiter = new ResourceLimiter({ memoryBytes: 1_000 });
  measure(limiter, { memoryBytes: 1_000 });
  measure(limiter, { memoryBytes: null });
  assert.equal(limiter.refusal(), "instance_memory");
  assert.deepEqual(limiter.snapshot(), [{ resource: "memory", limit: 1_000, used: null, isReached: true }]);
});

Deno.test("ResourceLimiter lets in as many as it says, one by one, whatever came before", () => {
  const amount = fc.integer({ min: 1, max: 400 });
  fc.assert(fc.property(amount, fc.array(amount, { maxLength: 10 }), amount, (memoryBytes, before, need) => {
    const limiter = new ResourceLimiter({ memoryBytes: 2_000 });
    measure(limiter, { memoryBytes });
    for (const bytes of before) limiter.reserve({ memoryBytes: bytes });
    const fits = limiter.fits({ memoryBytes: need });
    for (let i = 0; i < fits; i++) {
      assert.equal(limiter.refusal({ memoryBytes: need }), null);
      limiter.reserve({ memoryBytes: need });
    }
    assert.equal(limiter.refusal({ memoryBytes: need }), "instance_memory");
  }));
});
