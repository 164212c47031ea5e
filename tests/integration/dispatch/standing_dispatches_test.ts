import assert from "node:assert/strict";
import type { AgentDispatch, Room } from "@livekit/protocol";
import { LiveDispatches } from "../../../core/dispatch/live_dispatches.ts";
import { StandingDispatches } from "../../../core/dispatch/standing_dispatches.ts";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { uuidv7 } from "../../../core/lifecycle/uuid.ts";
import { findDispatch } from "../../../db/dispatch_reads.ts";
import { insertPlacedDispatch, type NewDispatch, type NewJob } from "../../../db/dispatches.ts";
import { endJob } from "../../../db/jobs.ts";
import { addParticipantJob } from "../../../db/standing_dispatches.ts";
import { startTestPostgres, type TestDatabase, type TestPostgres } from "../../support/postgres.ts";

let postgres: TestPostgres;
let test: TestDatabase;

Deno.test.beforeAll(async () => {
  postgres = await startTestPostgres();
});
Deno.test.afterAll(() => postgres.stop());
Deno.test.beforeEach(async () => {
  test = await postgres.createTestDatabase();
});
Deno.test.afterEach(() => test.drop());

const change = () => ({ changeId: crypto.randomUUID(), actor: "test", cause: "test", at: new Date() });

function newJob(participant: string): NewJob {
  const ids = { id: uuidv7(), instanceId: crypto.randomUUID(), workerId: null, leaseToken: crypto.randomUUID() };
  return { ...ids, attempt: 1, participant, participantIdentity: `agent-${ids.id}`, livekitJobId: `AJ_${ids.id}` };
}

/** A dispatch of LiveKit's that runs for ada, and LiveKit's server with one room. */
async function scene() {
  const { database } = test;
  const dispatch: NewDispatch = {
    ...{ id: uuidv7(), agent: "for_one", server: "local", room: "room", priority: "normal", placement: "livekit" },
    ...{ origin: "livekit", retryOf: null, livekitDispatchId: "AD_1", metadata: null, traceparent: null },
    ...{ rankAt: new Date(), waitingReason: null, participantIdentity: null },
  } as NewDispatch;
  const ada = newJob("ada");
  assert.ok(await insertPlacedDispatch(database, dispatch, ada, change(), null, { mayOvertake: true }));
  const server = { rooms: ["room"], dispatches: ["AD_1"] };
  const standing = new StandingDispatches({
    database,
    api: {
      listRooms: () => Promise.resolve(server.rooms.map((name) => ({ name }) as Room)),
      listDispatches: () => Promise.resolve(server.dispatches.map((id) => ({ id }) as AgentDispatch)),
      deleteDispatch: (_, id) => {
        server.dispatches = server.dispatches.filter((each) => each !== id);
        return Promise.resolve(true);
      },
    },
    ...{ live: new LiveDispatches(), server: "local", actor: "test", logger: silentLogger },
  });
  const add = (job: NewJob, livekitDispatchId = "AD_1") =>
    addParticipantJob(database, { server: "local", dispatchId: null, livekitDispatchId }, job, change());
  const end = (job: NewJob) =>
    endJob(
      database,
      { jobId: job.id, dispatchId: dispatch.id, leaseToken: job.leaseToken },
      { state: "succeeded", endReason: "participant_left", failure: null },
      change(),
    );
  const state = async () => (await findDispatch(database, dispatch.id))?.dispatch.state;
  return { dispatch, ada, server, standing, add, end, state };
}

Deno.test("addParticipantJob adds one live job per participant, counts its attempts, and refuses a second one", async () => {
  const { dispatch, ada, add, end } = await scene();
  const bob = newJob("bob");
  assert.deepEqual(await add(bob), { dispatchId: dispatch.id, attempt: 1, traceparent: null });
  assert.equal(await add(newJob("bob")), null);
  assert.equal(await add(newJob("eve"), "AD_2"), null);
  await end(bob);
  assert.equal((await add(newJob("bob")))?.attempt, 2);
  await end(ada);
});

Deno.test("a standing dispatch outlives its jobs, and succeeds when its room is gone and none is left", async () => {
  const { ada, add, end, server, standing, state } = await scene();
  const bob = newJob("bob");
  await add(bob);
  await end(ada);
  assert.equal(await state(), "placed");
  server.rooms = [];
  assert.equal(await standing.lookOnce(), 0, "bob's job is still live");
  await end(bob);
  assert.equal(await standing.lookOnce(), 1);
  assert.equal(await state(), "succeeded");
});

Deno.test("a standing dispatch that LiveKit still has goes on without jobs, and is cancelled when it was deleted", async () => {
  const { dispatch, ada, end, standing, state } = await scene();
  await end(ada);
  assert.equal(await standing.lookOnce(), 0);
  await standing.withdraw(dispatch.id);
  assert.equal(await standing.lookOnce(), 1);
  assert.equal(await state(), "cancelled");
});
