import assert from "node:assert/strict";
import fc from "fast-check";
import { Admission, isLastingRefusal, type Reservation } from "../../../core/capacity/admission.ts";
import { ResourceLimiter } from "../../../core/capacity/resource_limiter.ts";

const AGENTS = ["a", "b", "c"];

/** What admission must always say of itself, whatever came before. */
function assertConsistent(
  admission: Admission,
  maxJobs: number,
  maxOf: (agent: string) => number,
  held: Reservation[],
) {
  const snapshot = admission.snapshot();
  assert.equal(snapshot.used, held.length);
  assert.ok(snapshot.used <= maxJobs);
  for (const agent of AGENTS) {
    const used = held.filter((reservation) => reservation.agent === agent).length;
    assert.equal(admission.usedBy(agent), used);
    assert.equal(snapshot.byAgent[agent] ?? 0, used);
    assert.ok(used <= maxOf(agent));
    const free = snapshot.isAdmitting ? Math.min(maxJobs - held.length, maxOf(agent) - used) : 0;
    assert.equal(admission.freeFor(agent), free);
    assert.ok(admission.loadRatioOf(agent) >= 0 && admission.loadRatioOf(agent) <= 1);
  }
}

Deno.test("Admission never passes a limit, and never loses or invents a slot, whatever the order of calls", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ admit: fc.constantFrom(...AGENTS) }) },
    { weight: 4, arbitrary: fc.record({ release: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.constant("stop" as const) },
  );
  const limits = fc.record({ maxJobs: fc.integer({ min: 1, max: 6 }), maxA: fc.integer({ min: 1, max: 3 }) });
  fc.assert(fc.property(limits, fc.array(step, { maxLength: 60 }), ({ maxJobs, maxA }, steps) => {
    const maxOf = (agent: string) => agent === "a" ? maxA : Infinity;
    const admission = new Admission(maxJobs, maxOf);
    const given: Reservation[] = [];
    const released = new Set<Reservation>();
    for (const step of steps) {
      if (step === "stop") admission.stopAdmitting();
      else if ("admit" in step) {
        const isFree = admission.freeFor(step.admit) > 0;
        const admitted = admission.admit(step.admit);
        assert.equal(admitted.ok, isFree);
        if (admitted.ok) given.push(admitted.reservation);
      } else {
        const reservation = given[step.release % Math.max(1, given.length)];
        reservation?.release();
        if (reservation) released.add(reservation);
      }
      assertConsistent(admission, maxJobs, maxOf, given.filter((each) => !released.has(each)));
    }
  }));
});

Deno.test("Admission names the limit that stands against a job, for every way of filling a small instance", () => {
  for (let maxJobs = 1; maxJobs <= 3; maxJobs++) {
    for (let maxA = 1; maxA <= 3; maxA++) {
      for (let usedA = 0; usedA <= Math.min(maxA, maxJobs); usedA++) {
        for (let usedB = 0; usedA + usedB <= maxJobs; usedB++) {
          const admission = new Admission(maxJobs, (agent) => agent === "a" ? maxA : Infinity);
          for (let i = 0; i < usedA; i++) assert.ok(admission.admit("a").ok);
          for (let i = 0; i < usedB; i++) assert.ok(admission.admit("b").ok);
          const expected = usedA + usedB === maxJobs ? "instance_full" : usedA === maxA ? "agent_full" : null;
          const admitted = admission.admit("a");
          assert.equal(admitted.ok ? null : admitted.refusal, expected);
        }
      }
    }
  }
});

Deno.test("Admission that stops admits nothing, says so, and still takes slots back", () => {
  const admission = new Admission(2);
  const admitted = admission.admit("a");
  admission.stopAdmitting();
  assert.deepEqual(admission.admit("a"), { ok: false, refusal: "stopping" });
  assert.equal(admission.snapshot().isAdmitting, false);
  if (admitted.ok) admitted.reservation.release();
  assert.equal(admission.snapshot().used, 0);
  assert.equal(admission.freeFor("a"), 0);
});

Deno.test("Admission tells every change once, until the listener is taken away; a second release is none", () => {
  const admission = new Admission(1);
  let changes = 0;
  const stop = admission.onChange(() => void changes++);
  const admitted = admission.admit("a");
  admission.admit("a");
  assert.ok(admitted.ok);
  admitted.reservation.release();
  admitted.reservation.release();
  assert.equal(changes, 2);
  stop();
  admission.admit("a");
  assert.equal(changes, 2);
});

Deno.test("an agent's load is the larger share of the instance's limit and its own", () => {
  const admission = new Admission(10, (agent) => agent === "a" ? 2 : Infinity);
  assert.equal(admission.loadRatioOf("a"), 0);
  admission.admit("a");
  assert.equal(admission.loadRatioOf("a"), 0.5);
  assert.equal(admission.loadRatioOf("b"), 0.1);
});

Deno.test("Admission that is cordoned or drained says so and can be let go on; one whose program ends can't", () => {
  const admission = new Admission(2);
  const held = admission.admit("a");
  for (const reason of ["cordoned", "draining"] as const) {
    admission.setAdmitting(reason);
    assert.deepEqual(admission.admit("a"), { ok: false, refusal: reason });
    const { isAdmitting, stopReason, used } = admission.snapshot();
    assert.deepEqual([isAdmitting, stopReason, used], [false, reason, 1]);
    admission.setAdmitting(null);
    assert.equal(admission.refusalFor("a"), null);
  }
  admission.stopAdmitting();
  admission.setAdmitting(null);
  assert.equal(admission.refusalFor("a"), "stopping");
  assert.ok(held.ok);
});

Deno.test("Admission refuses a job that passes a resource limit, and gives its resources back with its slot", () => {
  const limiter = new ResourceLimiter({ memoryBytes: 100, processes: 10 });
  limiter.observe({ cpuRatio: null, memoryBytes: 50, processes: 2, openFiles: null });
  const admission = new Admission(20, () => Infinity, {
    limiter,
    needOfJob: () => ({ memoryBytes: 20, processes: 1 }),
  });
  assert.deepEqual([admission.freeFor("a"), admission.withinLimits, admission.freeSlots], [2, 2, 20]);
  const [first, second] = [admission.admit("a"), admission.admit("b")];
  assert.ok(first.ok && second.ok);
  assert.deepEqual(admission.admit("a"), { ok: false, refusal: "instance_memory" });
  assert.equal(admission.snapshot().used, 2);
  first.reservation.release();
  first.reservation.release();
  assert.equal(admission.freeFor("a"), 1);
});

Deno.test("Admission tells a reached limit and its recovery as changes", () => {
  const limiter = new ResourceLimiter({ openFiles: 10 });
  const admission = new Admission(5, () => Infinity, { limiter });
  const seen: (string | null)[] = [];
  admission.onChange(() => seen.push(admission.refusalFor("a")));
  const measured = (openFiles: number) =>
    limiter.observe({ cpuRatio: null, memoryBytes: null, processes: null, openFiles });
  measured(10);
  measured(11);
  measured(3);
  assert.deepEqual(seen, ["instance_open_files", null]);
});

Deno.test("isLastingRefusal tells what waits for somebody from what waits for a job to end", () => {
  const lasting = ["draining", "cordoned", "instance_cpu", "instance_memory", "instance_processes"] as const;
  for (const refusal of lasting) assert.ok(isLastingRefusal(refusal));
  for (const refusal of ["instance_full", "agent_full", "stopping"] as const) assert.ok(!isLastingRefusal(refusal));
});
