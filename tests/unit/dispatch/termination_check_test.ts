import assert from "node:assert/strict";
import { ABSENT_LIMIT_MS, decideTermination, TerminationCheck } from "../../../core/dispatch/termination_check.ts";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import type { RunningJob } from "../../../core/runtime/job_runner.ts";

Deno.test("decideTermination ends a job whose dispatch is gone, leaves one that is in its room, and bounds absence", () => {
  for (const isPresent of [true, false]) {
    assert.equal(decideTermination({ isPresent, hasDispatch: false }, 0), "end");
  }
  for (const hasDispatch of [true, null]) {
    assert.equal(decideTermination({ isPresent: true, hasDispatch }, 0), "leave_be");
    assert.equal(decideTermination({ isPresent: false, hasDispatch }, 0), "look_again");
    assert.equal(decideTermination({ isPresent: false, hasDispatch }, ABSENT_LIMIT_MS - 1), "look_again");
    assert.equal(decideTermination({ isPresent: false, hasDispatch }, ABSENT_LIMIT_MS), "end");
  }
});

const IDENTITY = "agent-1";
const ACTIVE = 2;
const DISCONNECTED = 3;

interface Look {
  present?: boolean;
  state?: number;
  dispatch?: boolean;
  error?: boolean;
}

/** A check that sees `looks` one after another, the last one for ever. */
function scene(...looks: Look[]) {
  const cancels: string[] = [];
  const gone = Promise.withResolvers<never>();
  const cancelled = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  let count = 0;
  const now = () => {
    const look = looks[Math.min(count, looks.length - 1)] ?? {};
    count++;
    if (count > looks.length) seen.resolve();
    if (look.error) throw new Error("LiveKit is away");
    return look;
  };
  let look: Look = {};
  const api = {
    listParticipants: async () => {
      look = await Promise.try(now);
      return look.present ? [{ identity: IDENTITY, state: look.state ?? ACTIVE }] : [];
    },
    findDispatch: async () => {
      await Promise.resolve();
      return look.dispatch ? { id: "AD_1" } : null;
    },
  };
  const job = {
    plan: { key: { jobId: "job" }, room: "room", participantIdentity: IDENTITY },
    gone: gone.promise,
    cancel: (reason: string, graceMs: number) => {
      cancels.push(`${reason} ${graceMs}`);
      cancelled.resolve();
    },
  } as unknown as RunningJob;
  const check = new TerminationCheck({
    api: api as never,
    logger: createLogger({ level: "error", format: "json", write: () => {} }),
    timings: { holdMs: 1, lookEveryMs: 1, watchEveryMs: 1 },
  });
  return {
    check,
    job,
    cancels,
    cancelled: cancelled.promise,
    seenAll: seen.promise,
    end: () => gone.resolve(undefined as never),
  };
}

Deno.test("TerminationCheck ends a job whose dispatch was deleted, with its budget below LiveKit's 3 s", async () => {
  const { check, job, cancels } = scene({ present: true, dispatch: false });
  await check.told(job, "AD_1");
  assert.deepEqual(cancels, ["terminated_by_livekit 2500"]);
});

Deno.test("TerminationCheck leaves a job be that is in its room again after a reconnect, until it is gone", async () => {
  const { check, job, cancels, seenAll, end } = scene(
    { present: false, dispatch: true },
    { present: true, state: DISCONNECTED, dispatch: true },
    { present: true, dispatch: true },
  );
  const settled = check.told(job, "AD_1");
  await check.told(job, "AD_1"); // told twice: one check
  await seenAll;
  end();
  await settled;
  assert.deepEqual(cancels, []);
});

Deno.test("TerminationCheck ends a job that it left be when its dispatch is deleted later", async () => {
  const { check, job, cancels, cancelled } = scene({ present: true, dispatch: true }, {
    present: true,
    dispatch: false,
  });
  await Promise.all([check.told(job, "AD_1"), cancelled]);
  assert.equal(cancels.length, 1);
});

Deno.test("TerminationCheck gives no verdict while LiveKit can't be asked", async () => {
  const { check, job, cancels, seenAll, end } = scene({ error: true });
  const settled = check.told(job, "AD_1");
  await seenAll;
  end();
  await settled;
  assert.deepEqual(cancels, []);
});

Deno.test("TerminationCheck leaves a job alone that ended by itself before the look", async () => {
  const { check, job, cancels, end } = scene({ present: false, dispatch: false });
  end();
  await check.told(job, "AD_1");
  assert.deepEqual(cancels, []);
});
