import assert from "node:assert/strict";
import type { CommandResult } from "../../../core/coordination/fleet_commands.ts";
import { CancelElsewhere } from "../../../core/dispatch/cancel_elsewhere.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
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

const FAILURES = [
  ["no_such_instance", "owner_gone"],
  ["timed_out", "owner_timed_out"],
  ["failed", "owner_failed"],
] as const;

for (const [code, expected] of FAILURES) {
  Deno.test(`CancelElsewhere says so when the owner's answer is ${code}, and leaves the dispatch as it is`, async () => {
    const { elsewhere, owner, sent, id } = await scene(() => Promise.resolve({ ok: false, code, message: "why" }));
    const result = await elsewhere.cancel(id, "rest:me");
    const refusal = { code: expected, dispatchId: id, instanceId: owner.instanceId, message: "why" };
    assert.deepEqual(result, { ok: false, refusal });
    assert.equal((await findDispatch(test.database, id))?.dispatch.state, "placed");
    // Who did not answer once is not asked again: the caller would wait for it.
    assert.equal(sent.length, code === "timed_out" ? 1 : 3);
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
