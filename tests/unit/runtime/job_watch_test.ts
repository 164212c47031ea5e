import assert from "node:assert/strict";
import { deadlineEnd, type JobEnd } from "../../../core/runtime/job_end.ts";
import { JobWatch } from "../../../core/runtime/job_watch.ts";

const NO_STAGE_LIMITS = { enteredTimeoutMs: 0, connectedTimeoutMs: 0, readyTimeoutMs: 0 };

interface Scene {
  stages?: typeof NO_STAGE_LIMITS;
  readiness?: "connected" | "explicit";
  timeoutMs?: number | null;
}

/** A watch with limits of 5 ms; `seen` resolves with what it says first. */
function watched({ readiness = "connected", timeoutMs = null, stages = NO_STAGE_LIMITS }: Scene = {}) {
  const seen = Promise.withResolvers<string>();
  const said: string[] = [];
  const say = (what: string) => {
    said.push(what);
    seen.resolve(what);
  };
  const watch = new JobWatch({
    plan: { readiness, timeoutMs },
    limits: { neverConnectedMs: 5, neverReadyMs: 5, ...stages },
    onFlag: say,
    onDeadline: () => say("deadline"),
    onStuck: ({ stage }) => say(`stuck before ${stage}`),
  });
  return { watch, said, seen: seen.promise };
}

const elapse = () => new Promise((resolve) => setTimeout(resolve, 15));

Deno.test("JobWatch flags a job that has not connected in time", async () => {
  const { watch, seen } = watched();
  watch.entered();
  assert.equal(await seen, "never_connected");
  watch.ended();
});

Deno.test("JobWatch flags a connected job that is not ready in time, when readiness is explicit", async () => {
  const explicit = watched({ readiness: "explicit" });
  explicit.watch.entered();
  explicit.watch.connected();
  assert.equal(await explicit.seen, "never_ready");
  explicit.watch.ended();
});

Deno.test("JobWatch says nothing of a job that did all in time, or ended before", async () => {
  const implicit = watched();
  implicit.watch.entered();
  implicit.watch.connected();
  const ready = watched({ readiness: "explicit" });
  ready.watch.entered();
  ready.watch.connected();
  ready.watch.ready();
  const ended = watched({ readiness: "explicit", timeoutMs: 1 });
  ended.watch.entered();
  ended.watch.ended();
  await elapse();
  assert.deepEqual([...implicit.said, ...ready.said, ...ended.said], []);
});

Deno.test("JobWatch tells a job that goes on beyond its time limit", async () => {
  const { watch, seen } = watched({ timeoutMs: 1 });
  watch.entered();
  watch.connected();
  assert.equal(await seen, "deadline");
  watch.ended();
});

Deno.test("JobWatch finds a job stuck before each stage, once, and none that is ready", async () => {
  const stages = { enteredTimeoutMs: 2, connectedTimeoutMs: 2, readyTimeoutMs: 2 };
  const unentered = watched({ stages });
  assert.equal(await unentered.seen, "stuck before entered");
  const unconnected = watched({ stages });
  unconnected.watch.entered();
  assert.equal(await unconnected.seen, "stuck before connected");
  const ready = watched({ stages, readiness: "explicit" });
  ready.watch.entered();
  ready.watch.connected();
  ready.watch.ready();
  await elapse();
  assert.deepEqual(ready.said, []);
  assert.deepEqual(unentered.said, ["stuck before entered"]);
  for (const { watch } of [unentered, unconnected, ready]) watch.ended();
});

Deno.test("deadlineEnd makes a failure of a job that its time limit ended, and leaves every other end alone", () => {
  const killed: JobEnd = {
    outcome: "cancelled",
    endReason: "deadline",
    failure: { kind: "shutdown_overrun", message: "killed", signal: "SIGKILL" },
  };
  assert.deepEqual(deadlineEnd(killed, 5_000), {
    outcome: "failed",
    endReason: "deadline",
    failure: {
      kind: "deadline_exceeded",
      message: "The job took longer than its limit of 5 s, did not end then and was killed",
      signal: "SIGKILL",
    },
  });
  const told: JobEnd = { outcome: "cancelled", endReason: "deadline" };
  const end = deadlineEnd(told, null);
  assert.equal(end.outcome === "failed" && end.failure.kind, "deadline_exceeded");
  for (const other of [{ outcome: "cancelled", endReason: "cancelled" }, end] as JobEnd[]) {
    assert.equal(deadlineEnd(other, 5_000), other);
  }
});
