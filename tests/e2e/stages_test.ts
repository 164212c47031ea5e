/** Jobs that get stuck on their way to ready are found, explained, cleaned up and tried again. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { startTestLivekit, type TestLivekit } from "../support/livekit.ts";

let livekit: TestLivekit;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  livekit = await startTestLivekit();
  greenroom = await Greenroom.start({
    agents: ["lingers", "overruns"],
    livekit,
    env: {
      GREENROOM_RECOVERY_MAX_ATTEMPTS: "2",
      GREENROOM_SHUTDOWN_GRACE_MS: "500",
      GREENROOM_CONNECTED_TIMEOUT_MS: "3000",
      GREENROOM_READY_TIMEOUT_MS: "700",
    },
  });
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await livekit?.stop();
});

Deno.test("a job stuck before connected or ready is ended with what to look at, and tried again; who waits there stays", async () => {
  for (const stage of ["connected", "ready"]) {
    const room = `stuck-${stage}`;
    await using _caller = await greenroom.human(room, "caller");
    const asked = { agent: "lingers", room, metadata: { connect: stage === "ready" } };
    const { status, body } = await greenroom.dispatch(asked, "wait=ready&waitMs=30000");
    assert.deepEqual([status, body.dispatch.state], [502, "failed"]);
    const { failure, jobs } = body.dispatch;
    const kind = `stage_timed_out_${stage}`;
    assert.deepEqual([failure.code, failure.errorStatus, jobs.length], [kind, "DEADLINE_EXCEEDED", 2]);
    assert.match(failure.message, /within (0\.7|3) s/);
    assert.match(failure.remedy, stage === "ready" ? /ctx\.ready\(\)/ : /LIVEKIT_URL reachable .* UDP ports .* CPU/);
    for (const job of jobs) {
      assert.deepEqual([job.failure.kind, job.failure.remedy, job.stages.readyAt], [kind, failure.remedy, null]);
    }
    // The agent says goodbye to the room while the failure is told.
    const isAlone = async () =>
      (await livekit.api.listParticipants(room)).every(({ identity }) => identity === "caller");
    await eventually(isAlone, { what: "a room without the stuck agent" });
    assert.equal((await livekit.api.listParticipants(room)).length, 1);
    const page = await fetch(`${greenroom.url}/dispatches/${body.dispatch.id}`, { headers: greenroom.authorization });
    assert.match(await page.text(), new RegExp(`${kind}[\\s\\S]*Remedy`));
  }
  await greenroom.allSlotsFree();
});
