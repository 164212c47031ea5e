import assert from "node:assert/strict";
import { Admission, type Reservation } from "../../../core/capacity/admission.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import type { RunningJob } from "../../../core/runtime/job_runner.ts";
import type { CancelReason } from "../../../core/runtime/messages.ts";
import { InstanceControl, type Intake } from "../../../core/services/instance_control.ts";

const START_MS = Date.parse("2026-11-22T14:00:00Z");
const GRACE_MS = 5_000;

/** An instance with jobs that end when they are told to, or not. */
class TestInstance {
  nowMs = START_MS;
  readonly admission = new Admission(10);
  readonly rows: Intake[] = [];
  readonly cancelled: [string, CancelReason][] = [];
  opened = 0;
  readonly #jobs = new Map<string, { job: RunningJob; slot: Reservation }>();
  readonly control: InstanceControl;

  constructor(record?: (intake: Intake) => Promise<void>) {
    const jobs = this.#jobs;
    this.control = new InstanceControl({
      admission: this.admission,
      runner: {
        list: () => [...jobs.values()].map(({ job }) => job),
        get count() {
          return jobs.size;
        },
      },
      record: record ?? ((intake) => Promise.resolve(void this.rows.push(intake))),
      onOpened: () => this.opened += 1,
      logger: silentLogger,
      now: () => new Date(this.nowMs),
    });
  }

  /** A job that runs here; `isDeaf`: it does not end when it is told to. */
  start(jobId: string, { isDeaf = false } = {}): void {
    const slot = this.reserve();
    const plan = { key: { jobId }, shutdownGraceMs: GRACE_MS } as RunningJob["plan"];
    const cancel = (reason: CancelReason) => {
      this.cancelled.push([jobId, reason]);
      if (!isDeaf) this.end(jobId);
    };
    this.#jobs.set(jobId, { slot, job: { plan, cancel } as unknown as RunningJob });
  }

  reserve(): Reservation {
    const admitted = this.admission.admit("echo");
    assert.ok(admitted.ok);
    return admitted.reservation;
  }

  end(jobId: string): void {
    const ended = this.#jobs.get(jobId);
    this.#jobs.delete(jobId);
    ended?.slot.release();
  }

  drain(deadlineMs: number, then: "stay" | "stop" = "stay") {
    return this.control.drain({ actor: "rest:me", deadlineMs, then });
  }
}

Deno.test("A cordoned instance takes no jobs, tells who wanted that, and uncordon undoes it", async () => {
  const instance = new TestInstance();
  instance.start("a");
  await instance.control.cordon("rest:me");
  await instance.control.cordon("rest:you");
  assert.deepEqual(instance.control.status(), {
    phase: "cordoned",
    cordonedAt: new Date(START_MS),
    by: "rest:me",
    drain: null,
  });
  assert.deepEqual(instance.admission.admit("echo"), { ok: false, refusal: "cordoned" });
  assert.deepEqual([instance.cancelled, instance.opened], [[], 0]);
  assert.equal(await instance.control.uncordon("rest:me"), true);
  assert.equal(instance.admission.refusalFor("echo"), null);
  assert.deepEqual([instance.control.status().phase, instance.opened], ["serving", 1]);
  assert.deepEqual(instance.rows, [
    { state: "running", cordonedAt: new Date(START_MS), drainDeadlineAt: null },
    { state: "running", cordonedAt: null, drainDeadlineAt: null },
  ]);
});

Deno.test("A drain is over when every job has ended by itself; the instance stays idle until it is uncordoned", async () => {
  const instance = new TestInstance();
  instance.start("a");
  instance.start("b");
  const { ended } = instance.drain(60_000);
  assert.equal(instance.admission.refusalFor("echo"), "draining");
  assert.deepEqual(instance.control.status().drain?.deadlineAt, new Date(START_MS + 60_000));
  instance.end("a");
  assert.equal(instance.control.status().phase, "draining");
  instance.end("b");
  assert.deepEqual(await ended, { by: "idle", cancelled: 0, left: 0 });
  assert.deepEqual([instance.control.status().phase, instance.cancelled], ["drained", []]);
  assert.equal(await instance.control.uncordon("rest:me"), true);
  assert.deepEqual([instance.control.status().phase, instance.opened], ["serving", 1]);
});

Deno.test("What runs at the deadline is cancelled as drained, and never before", async () => {
  const instance = new TestInstance();
  instance.start("a");
  const offer = instance.reserve();
  const { ended } = instance.drain(60_000);
  instance.nowMs += 59_999;
  offer.release(); // makes it look
  await nextTurn();
  assert.deepEqual(instance.cancelled, []);
  instance.nowMs += 1;
  assert.deepEqual(await ended, { by: "deadline", cancelled: 1, left: 0 });
  assert.deepEqual(instance.cancelled, [["a", "drain"]]);
});

Deno.test("A drain waits for an accepted offer, and for the job that comes of it", async () => {
  const instance = new TestInstance();
  const offer = instance.reserve();
  const { ended } = instance.drain(60_000);
  await nextTurn();
  assert.equal(instance.control.status().phase, "draining");
  offer.release();
  assert.deepEqual(await ended, { by: "idle", cancelled: 0, left: 0 });
});

Deno.test("A second drain moves the deadline: later, or to now", async () => {
  const instance = new TestInstance();
  instance.start("a");
  const offer = instance.reserve();
  const { ended } = instance.drain(1_000);
  instance.drain(60_000);
  instance.nowMs += 30_000;
  offer.release(); // makes it look
  await nextTurn();
  assert.deepEqual(instance.cancelled, []);
  assert.equal(instance.drain(0).ended, ended);
  assert.deepEqual(await ended, { by: "deadline", cancelled: 1, left: 0 });
});

Deno.test("Uncordoned, a drain is over and its jobs go on", async () => {
  const instance = new TestInstance();
  instance.start("a");
  const { ended } = instance.drain(1_000);
  await instance.control.uncordon("rest:me");
  assert.deepEqual(await ended, { by: "undone", cancelled: 0, left: 0 });
  instance.nowMs += 60_000;
  await nextTurn();
  assert.deepEqual([instance.cancelled, instance.control.status().phase], [[], "serving"]);
});

Deno.test("Forced, a drain that stops the program ends its jobs as a shutdown, and waits for no offer", async () => {
  const instance = new TestInstance();
  instance.start("a");
  instance.reserve();
  const { ended } = instance.drain(60_000, "stop");
  assert.equal(instance.admission.refusalFor("echo"), "stopping");
  assert.equal(await instance.control.uncordon("rest:me"), false);
  instance.control.force();
  assert.deepEqual(await ended, { by: "force", cancelled: 1, left: 0 });
  assert.deepEqual(instance.cancelled, [["a", "shutdown"]]);
});

Deno.test("A program that is stopped while it is drained keeps the drain's deadline when that is sooner", () => {
  for (const [stopMs, expectedMs] of [[60_000, 5_000], [1_000, 1_000]] as const) {
    const instance = new TestInstance();
    instance.start("a");
    instance.drain(5_000);
    instance.drain(stopMs, "stop");
    assert.equal(instance.control.status().drain?.deadlineAt.getTime(), START_MS + expectedMs);
    instance.end("a");
  }
});

Deno.test("Jobs that do not end are given up after their grace, and counted", async () => {
  const instance = new TestInstance();
  instance.start("deaf", { isDeaf: true });
  const { ended } = instance.drain(0);
  assert.deepEqual(instance.cancelled, [["deaf", "drain"]]);
  instance.nowMs += GRACE_MS + 3_000;
  instance.drain(0);
  assert.deepEqual(await ended, { by: "deadline", cancelled: 1, left: 1 });
});

Deno.test("An instance whose row can't be written is cordoned all the same", async () => {
  const instance = new TestInstance(() => Promise.reject(new Error("no database")));
  await instance.control.cordon("rest:me");
  assert.equal(instance.admission.refusalFor("echo"), "cordoned");
});

/** Lets everything that is ready run. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
