/** What LiveKit's server had placed comes back after a death, and goes when its dispatch there is deleted. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  greenroom = await Greenroom.start({ agents: ["echo", "for_one"] });
  await eventually(async () => {
    const { items } = await greenroom.get("/api/v1/workers");
    return items.length === 2 &&
      items.every((worker: { connection: { state: string } }) => worker.connection.state === "registered");
  }, { withinMs: 20_000, what: "registered workers" });
});
Deno.test.afterAll(() => greenroom?.stop());

/** The dispatch when its last job for this participant is the `attempt`th, and ready. */
function readyFor(id: string, participant: string | null, attempt: number) {
  return eventually(async () => {
    const dispatch = await greenroom.get(`/api/v1/dispatches/${id}`);
    const job = dispatch.jobs.filter((each: { participant: string | null }) => each.participant === participant).at(-1);
    return job?.attempt === attempt && job.stages.readyAt !== null ? job : null;
  }, { withinMs: 30_000, what: `attempt ${attempt} for ${participant}` });
}

async function deleteLivekitDispatch(room: string, agent: string): Promise<void> {
  const { api } = await greenroom.livekit();
  const dispatch = (await api.listDispatches(room)).find(({ agentName }) => agentName === agent);
  assert.ok(dispatch);
  await api.deleteDispatch(room, dispatch.id);
}

Deno.test("of a dispatch with a job per participant, the one that died is run again for its participant, the others go on", async () => {
  const room = "each";
  await using ada = await greenroom.human(room, "ada");
  const { body } = await greenroom.dispatch({ agent: "for_one", room, placement: "livekit" });
  await ada.nextData("hello");
  await using bob = await greenroom.human(room, "bob");
  await bob.nextData("hello");
  const first = await readyFor(body.id, "ada", 1);
  const bobs = await readyFor(body.id, "bob", 1);
  Deno.kill(first.pid, "SIGKILL");
  const second = await readyFor(body.id, "ada", 2);
  assert.deepEqual([second.livekitJobId, second.state], [null, "running"]);
  assert.equal(JSON.parse((await ada.nextData("hello")).text).participantIdentity, second.participantIdentity);
  assert.equal((await readyFor(body.id, "bob", 1)).id, bobs.id);
  const dispatch = await greenroom.get(`/api/v1/dispatches/${body.id}`);
  assert.deepEqual([dispatch.state, dispatch.placement, dispatch.jobs.length], ["running", "livekit", 3]);

  await greenroom.logged("a participant's job is run again");
  await deleteLivekitDispatch(room, "for_one");
  const ended = await greenroom.dispatchIn(["cancelled"], body.id, 40_000);
  const last = ended.jobs.find(({ id }: { id: string }) => id === second.id);
  assert.deepEqual([last.state, last.endReason], ["cancelled", "terminated_by_livekit"]);
});

Deno.test("a room agent that runs again directly ends when LiveKit's dispatch is deleted", async () => {
  const room = "again";
  await using _ = await greenroom.human(room);
  const { body } = await greenroom.dispatch({ agent: "echo", room, placement: "livekit" });
  Deno.kill(body.jobs[0].pid, "SIGKILL");
  const second = await readyFor(body.id, null, 2);
  assert.equal(second.livekitJobId, null);
  await deleteLivekitDispatch(room, "echo");
  const { jobs } = await greenroom.dispatchIn(["cancelled"], body.id, 30_000);
  assert.equal(jobs.at(-1).endReason, "terminated_by_livekit");
});
