/** The order of a job's end: recorded, told to whoever waits, reported to LiveKit and heard there; only then it leaves. */
import assert from "node:assert/strict";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import type { JobEnd } from "../../../core/runtime/job_end.ts";
import { JobRunner, type LivekitJobLink } from "../../../core/runtime/job_runner.ts";
import type { JobObserver, Slot } from "../../../core/runtime/slot.ts";
import { findJob } from "../../../db/dispatch_reads.ts";
import { dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { plainWriter } from "../../support/lifecycle_writer.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

const NO_STAGE_LIMITS = { enteredTimeoutMs: 0, connectedTimeoutMs: 0, readyTimeoutMs: 0 };

let postgres: TestPostgres;
let test: TestDatabase;
Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
  test = await postgres.createTestDatabase();
});
Deno.test.afterAll(async () => {
  await test.drop();
  await postgres.stop();
});

/** Runs one job whose process ends with `end`; gives what happened, in order. */
async function told(
  end: JobEnd,
  { timeoutMs = null, isHeard = true }: { timeoutMs?: number | null; isHeard?: boolean } = {},
): Promise<{ steps: string[]; end: JobEnd }> {
  const steps: string[] = [];
  const instance = dispatchFixture(test.database);
  await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  const [planned] = instance.jobs.plans;
  assert.ok(planned);
  const slot = {
    pid: 7,
    cancel: () => {},
    run: async (_job: unknown, observer: JobObserver) => {
      await observer.finished(end);
      steps.push("leaves");
      return end;
    },
  } as unknown as Slot;
  const livekit: LivekitJobLink = {
    livekitJobId: "AJ_1",
    report: async (status, error) => {
      const stored = await findJob(test.database, planned.key.jobId);
      steps.push(stored?.endedAt ? "recorded" : "not recorded", `${status}${error === undefined ? "" : `: ${error}`}`);
      return isHeard;
    },
    settle: () => {
      steps.push("settled");
      return Promise.resolve(isHeard);
    },
  };
  const runner = new JobRunner({
    database: test.database,
    pool: { take: () => slot, turnToTake: () => Promise.resolve() },
    actor: "instance:test",
    writer: plainWriter(test.database),
    limits: { neverConnectedMs: 60_000, neverReadyMs: 60_000, ...NO_STAGE_LIMITS },
    logger: createLogger({ level: "error", format: "json", write: () => {} }),
  });
  const listener = { stage: () => {}, log: () => {}, ended: () => void steps.push("told") };
  const job = runner.start({ ...planned, timeoutMs, livekit }, listener, () => steps.push("slot given back"));
  return { steps, end: await job.gone };
}

const failure = { kind: "exception", message: "Error: boom" } as const;
const KINDS: [JobEnd, string][] = [
  [{ outcome: "succeeded", endReason: "entry_returned" }, "succeeded"],
  [{ outcome: "succeeded", endReason: "alone" }, "succeeded"],
  [{ outcome: "cancelled", endReason: "cancelled" }, "succeeded"],
  [{ outcome: "cancelled", endReason: "terminated_by_livekit" }, "succeeded"],
  [{ outcome: "cancelled", endReason: "shutdown", failure: { ...failure, kind: "shutdown_overrun" } }, "succeeded"],
  [{ outcome: "failed", endReason: "entry_threw", failure }, "failed: Error: boom"],
  [{ outcome: "failed", endReason: "process_gone", failure: { kind: "signal", message: "killed" } }, "failed: killed"],
  [
    { outcome: "failed", endReason: "deadline", failure: { kind: "deadline_exceeded", message: "late" } },
    "failed: DEADLINE_EXCEEDED: late",
  ],
];

for (const [end, said] of KINDS) {
  for (const isHeard of [true, false]) {
    const how = isHeard ? "" : ", also when LiveKit does not hear it";
    Deno.test(`JobRunner records, tells, reports "${said}" and waits for the pong before the agent leaves (${end.endReason})${how}`, async () => {
      const { steps } = await told(end, { isHeard });
      assert.deepEqual(steps, ["told", "recorded", said, "settled", "leaves", "slot given back"]);
    });
  }
}

Deno.test("JobRunner records a job that had to be ended at its time limit as failed by that", async () => {
  const { steps, end } = await told({ outcome: "cancelled", endReason: "deadline" }, { timeoutMs: 5_000 });
  assert.equal(end.outcome === "failed" && end.failure.kind, "deadline_exceeded");
  assert.ok(steps.includes("failed: DEADLINE_EXCEEDED: The job took longer than its limit of 5 s"));
});
