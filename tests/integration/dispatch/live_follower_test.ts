import assert from "node:assert/strict";
import { LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { LiveFollower } from "../../../core/dispatch/live_follower.ts";
import { newDispatchView } from "../../../core/dispatch/new_views.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { applyJobChanges } from "../../../db/job_changes.ts";
import { type DispatchFixture, dispatchFixture, NO_WAIT, REQUESTER } from "../../support/dispatch_fixture.ts";
import { databaseForEachTest } from "../../support/postgres.ts";

const test = databaseForEachTest();

/** Another instance has taken the dispatch; here it is only waited for. `isOurs`: it is this one. */
async function followed(other: DispatchFixture, isOurs = false) {
  const asked = await other.dispatcher.request({ agent: "echo", room: "room" }, REQUESTER, NO_WAIT);
  assert.ok(asked.ok);
  const live = new LiveDispatches();
  const { id, agent, server, room, priority, placement, origin } = asked.dispatch;
  const rest = { retryOf: null, metadata: null, waitingReason: null, participantIdentity: null };
  const view = newDispatchView({ id, agent, server, room, priority, placement, origin, ...rest } as never, new Date());
  const mine = live.track(view);
  const instanceId = isOurs ? asked.dispatch.jobs[0]!.instanceId : uuidv7();
  const options = { database: test.database, instanceId, live, isRunning: () => false, logger: silentLogger };
  return { follower: new LiveFollower(options), live, mine, key: other.jobs.plans[0]!.key };
}

Deno.test("LiveFollower tells who waits here what another instance has reached, to the end", async () => {
  const { follower, live, mine, key } = await followed(dispatchFixture(test.database));
  const accepted = mine.reached("accepted", 10_000);
  const done = mine.reached("done", 10_000);
  await follower.look();
  assert.equal(await accepted, "reached");
  assert.equal(mine.view.state, "placed");
  const change = { job: key, changeId: crypto.randomUUID(), actor: "other", cause: "x", at: new Date() };
  const end = {
    state: "succeeded",
    endReason: "x",
    failure: null,
    flags: [],
    resources: null,
    humanSeenAt: null,
  } as const;
  await applyJobChanges(test.database, [{ ...change, kind: "ended", end, next: { kind: "final" } }]);
  await follower.look();
  assert.equal(await done, "reached");
  await follower.look();
  assert.equal(live.size, 0);
});

Deno.test("LiveFollower leaves the entry of a dispatch whose storing is not answered yet to who stores it", async () => {
  const { follower, live, mine } = await followed(dispatchFixture(test.database), true);
  await follower.look();
  assert.equal(mine.view.state, "queued");
  assert.equal(live.find(mine.view.id), mine);
});
