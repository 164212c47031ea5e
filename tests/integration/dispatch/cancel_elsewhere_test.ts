import assert from "node:assert/strict";
import type { CommandResult } from "../../../core/coordination/fleet_commands.ts";
import { CancelElsewhere } from "../../../core/dispatch/cancel_elsewhere.ts";
import { explainFailure } from "../../../core/runtime/failure_explanation.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { applyJobChanges } from "../../../db/job_changes.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057";

const test = databaseForEachTest();

/** A dispatch that another instance runs, and an instance that is to cancel it; `answer` is what asking the other brings. */
async function scene(answer: (owner: DispatchFixture, dispatchId: string) => Promise<CommandResult>) {
  const { database } = test;
  const [here, owner] = [dispatchFixture(database), dispatchFixture(database)];
  const asked = await owner.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  assert.ok(asked.ok);
  const sent: unknown[][] = [];
  const elsewhere = new CancelElsewhere({
    ...{ database, instanceId: here.instanceId },
    commands: {
      send: (...what) => {
        sent.push(what);
        return answer(owner, asked.dispatch.id);
      },
    },
    cancelHere: (id, actor) => here.dispatcher.cancelHere(id, actor),
  });
  return { here, owner, elsewhere, sent, id: asked.dispatch.id };
}

Deno.test("CancelElsewhere asks the instance that has the job, in the name of who asked", async () => {
  const { elsewhere, owner, sent, id } = await scene(async (owner, id) => {
    assert.ok((await owner.dispatcher.cancelHere(id, "rest:me")).ok);
    return { ok: true };
  });
  const result = await elsewhere.cancel(id, "rest:me");
  assert.ok(result.ok && !result.wasEnded && result.dispatch.id === id);
  assert.deepEqual(sent, [[owner.instanceId, "cancel_job", { dispatchId: id }, "rest:me"]]);
  assert.equal(owner.jobs.count, 0);
});

Deno.test("CancelElsewhere says so when the owner could not do it, and leaves the dispatch as it is", async () => {
  const failed = { ok: false, code: "failed", message: "why" } as const;
  const { elsewhere, owner, sent, id } = await scene(() => Promise.resolve(failed));
  const result = await elsewhere.cancel(id, "rest:me");
  const refusal = { code: "owner_failed", dispatchId: id, instanceId: owner.instanceId, message: "why" };
  assert.deepEqual(result, { ok: false, refusal });
  const found = await findDispatch(test.database, id);
  assert.deepEqual([found?.dispatch.state, sent.length], ["placed", 3]);
});

for (const code of ["no_such_instance", "timed_out"] as const) {
  Deno.test(`CancelElsewhere keeps the cancel with the job when the owner's answer is ${code}: no attempt follows it`, async () => {
    const { elsewhere, sent, id } = await scene(() => Promise.resolve({ ok: false, code, message: "why" }));
    for (let again = 0; again < 2; again++) {
      const result = await elsewhere.cancel(id, "rest:me");
      assert.ok(result.ok && !result.wasEnded);
      assert.deepEqual(result.dispatch.jobs[0]?.flags, ["cancel_requested"]);
    }
    assert.equal(sent.length, 2);
    const [job] = (await findDispatch(test.database, id))!.jobs;
    const at = new Date();
    const failure = { ...explainFailure({ kind: "exception", message: "x" }), kind: "exception", fingerprint: "x" };
    const columns = { ...failure, stack: null, exitCode: null, signal: null, class: "unknown", retryAfterMs: null };
    await applyJobChanges(test.database, [{
      job: { jobId: job!.id, dispatchId: id, leaseToken: job!.leaseToken },
      ...{ kind: "ended", changeId: crypto.randomUUID(), actor: "test", cause: "entry_threw", at },
      end: {
        state: "failed",
        endReason: "entry_threw",
        failure: columns,
        flags: ["x"],
        resources: null,
        humanSeenAt: null,
      },
      next: { kind: "retry", notBefore: null },
    }]);
    const { dispatch, jobs } = (await findDispatch(test.database, id))!;
    assert.deepEqual([dispatch.state, dispatch.endedAt, jobs[0]?.state], ["cancelled", at, "failed"]);
  });
}

Deno.test("CancelElsewhere cancels here what waits, and answers for what has ended or never was", async () => {
  const { elsewhere, here, sent } = await scene(() => Promise.reject(new Error("nobody is to be asked")));
  here.admission.stopAdmitting();
  const waiting = await here.dispatcher.request({ agent: "echo", room: "waits" }, REQUESTER, NO_WAIT);
  assert.ok(waiting.ok && waiting.dispatch.state === "queued");
  const cancelled = await elsewhere.cancel(waiting.dispatch.id, "rest:me");
  assert.ok(cancelled.ok && !cancelled.wasEnded && cancelled.dispatch.state === "cancelled");
  const again = await elsewhere.cancel(waiting.dispatch.id, "rest:me");
  assert.ok(again.ok && again.wasEnded);
  const never = await elsewhere.cancel(UNKNOWN, "rest:me");
  assert.deepEqual(never, { ok: false, refusal: { code: "not_found", dispatchId: UNKNOWN } });
  assert.deepEqual(sent, []);
});
