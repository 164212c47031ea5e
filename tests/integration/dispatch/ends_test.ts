/** Every way in which a job can end, recorded apart: what memory says of it and what the database says are the same. */
import assert from "node:assert/strict";
import { viewOfDispatch } from "../../../core/dispatch/dispatch_view.ts";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import { FAILURE_CLASSES } from "../../../core/runtime/failure_class.ts";
import { explainFailure } from "../../../core/runtime/failure_explanation.ts";
import { FAILURE_KINDS, type JobEnd, type JobFailure } from "../../../core/runtime/job_end.ts";
import { JobRecorder } from "../../../core/runtime/job_recorder.ts";
import { CANCEL_REASONS, END_REASONS } from "../../../core/runtime/messages.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { addJobFlag } from "../../../db/jobs.ts";
import { dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { plainWriter } from "../../support/lifecycle_writer.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

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

const message = "what went wrong";
const OVERRUN: JobFailure = { kind: "shutdown_overrun", message, signal: "SIGKILL" };

const ENDS: JobEnd[] = [
  ...END_REASONS.map((endReason) => ({ outcome: "succeeded" as const, endReason })),
  ...CANCEL_REASONS.flatMap((endReason): JobEnd[] => [
    { outcome: "cancelled", endReason },
    { outcome: "cancelled", endReason, failure: OVERRUN },
  ]),
  ...FAILURE_KINDS.map((kind): JobEnd => ({
    outcome: "failed",
    endReason: "process_gone",
    failure: { kind, message },
  })),
  ...FAILURE_CLASSES.map((each): JobEnd => ({
    outcome: "failed",
    endReason: "entry_threw",
    failure: { kind: "exception", message, class: each, ...(each === "retryable" ? { retryAfterMs: 1_500 } : {}) },
  })),
  {
    outcome: "failed",
    endReason: "process_gone",
    failure: { kind: "exit", message, exitCode: 3, stack: "at agent.ts:1" },
  },
];

function titleOf(end: JobEnd): string {
  const failure = end.outcome === "succeeded" ? undefined : end.failure;
  const words = [failure?.kind, failure?.class, failure?.exitCode].filter((word) => word !== undefined);
  return `${end.outcome}, ${end.endReason}${words.length === 0 ? "" : ` (${words.join(", ")})`}`;
}

for (const end of ENDS) {
  Deno.test(`a job's end is recorded as it was: ${titleOf(end)}`, async () => {
    const instance = dispatchFixture(test.database);
    const result = await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
    const key = instance.jobs.plans[0]?.key;
    assert.ok(result.ok && key);
    const live = instance.live.find(result.dispatch.id);
    assert.ok(live);
    const logger = createLogger({ level: "error", format: "json", write: () => {} });
    const writer = plainWriter(test.database);
    const recorder = new JobRecorder(key, { database: test.database, writer, actor: "instance:test", logger });
    const at = new Date();
    recorder.entered(7, at);
    live.stage("entered", at, 7);
    recorder.flag("never_connected");
    live.flagged("never_connected");
    assert.equal(await recorder.ended(end, at, { kind: "final" }), "written");
    live.jobEnded(end, at, end.outcome === "failed" ? explainFailure(end.failure) : null);

    const stored = await findDispatch(test.database, key.dispatchId);
    assert.ok(stored);
    const view = viewOfDispatch(stored);
    const told = ({ state, failure, jobs: [job] }: typeof view) => ({
      state,
      failure,
      job: job && { state: job.state, endReason: job.endReason, failure: job.failure, flags: job.flags },
    });
    assert.deepEqual(told(view), told(live.view));
    assert.deepEqual([view.state, view.jobs[0]?.state, view.jobs[0]?.endReason], [
      end.outcome,
      end.outcome,
      end.endReason,
    ]);
    const failure = end.outcome === "succeeded" ? undefined : end.failure;
    assert.equal(view.jobs[0]?.failure?.kind, failure?.kind);
    assert.equal(view.failure === null, end.outcome !== "failed");
    assert.deepEqual(view.jobs[0]?.flags, ["never_connected"]);
  });
}

Deno.test("a flag is kept once, and not under a lease that was lost", async () => {
  const instance = dispatchFixture(test.database);
  await instance.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  const key = instance.jobs.plans[0]?.key;
  assert.ok(key);
  for (const flag of ["never_ready", "memory_high", "never_ready"]) {
    assert.equal(await addJobFlag(test.database, key, flag), true);
  }
  assert.equal(await addJobFlag(test.database, { ...key, leaseToken: crypto.randomUUID() }, "other"), false);
  const stored = await findDispatch(test.database, key.dispatchId);
  assert.deepEqual(stored?.jobs[0]?.flags, ["never_ready", "memory_high"]);
});
