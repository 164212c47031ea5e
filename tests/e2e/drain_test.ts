/** Cordon, drain and stop on the real program: what goes on, what waits, what ends when, and what the exit code tells. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";
import { processesOfProgram, stillAlive } from "../support/processes.ts";

const HOUR_MS = 3_600_000;

// deno-lint-ignore no-explicit-any
async function ownInstance(greenroom: Greenroom): Promise<any> {
  const { items } = await greenroom.get("/api/v1/instances");
  return items.find(({ isThisOne }: { isThisOne: boolean }) => isThisOne);
}

async function waitingFor(greenroom: Greenroom, id: string, reason: string): Promise<void> {
  const look = async () => (await greenroom.get(`/api/v1/dispatches/${id}`)).waitingReason === reason;
  await eventually(look, { what: `dispatch waiting for "${reason}"` });
}

Deno.test("An instance that is cordoned or drained keeps its calls and takes no others, until it is uncordoned or the deadline", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo"] });
  const { id } = await ownInstance(greenroom);
  const act = (kind: string, body?: unknown) => greenroom.call("POST", `/api/v1/instances/${id}/${kind}`, body);
  await using human = await greenroom.human("call");
  const { body: call } = await greenroom.dispatch({ agent: "echo", room: "call" });

  // Cordon: the call goes on, what comes waits.
  const cordoned = await act("cordon");
  assert.deepEqual([cordoned.status, cordoned.body.id, cordoned.body.drain], [202, id, null]);
  assert.deepEqual([cordoned.body.cordonedBy, cordoned.body.slots.stopReason], ["rest:admin", "cordoned"]);
  const { body: queued } = await greenroom.dispatch({ agent: "echo", room: "waits" }, "");
  await waitingFor(greenroom, queued.id, "cordoned");
  assert.equal((await greenroom.call("GET", "/ready")).status, 200);

  // Drain: the same with a deadline, which can be moved; the call is still there.
  const drained = await act("drain", { deadlineMs: HOUR_MS });
  assert.deepEqual([drained.status, drained.body.state], [202, "draining"]);
  const [left, ...others] = drained.body.drain.left;
  assert.deepEqual([left.room, left.agent, left.dispatchId, others], ["call", "echo", call.id, []]);
  const later = await act("drain", { deadlineMs: 2 * HOUR_MS });
  assert.ok(Date.parse(later.body.drain.deadlineAt) - Date.parse(drained.body.drain.deadlineAt) >= HOUR_MS);
  await human.sendData("chat", "still there?");
  assert.equal((await human.nextData("chat")).text, "still there?");

  // Uncordon: what waited runs, and the call never noticed.
  assert.deepEqual([(await act("uncordon")).body.state, (await ownInstance(greenroom)).drain], ["running", null]);
  await greenroom.dispatchIn(["running"], queued.id);
  assert.equal((await greenroom.get(`/api/v1/dispatches/${call.id}`)).state, "running");

  // The deadline ends what still runs, as drained; what waits goes on waiting.
  const { status } = await act("drain", { deadlineMs: 0 });
  assert.equal(status, 202);
  for (const ended of [call.id, queued.id]) {
    const { state, jobs: [job] } = await greenroom.dispatchIn(["cancelled", "failed", "succeeded"], ended);
    assert.deepEqual([state, job.endReason], ["cancelled", "drain"]);
  }
  await greenroom.allSlotsFree();
  const { body: next } = await greenroom.dispatch({ agent: "echo", room: "next" }, "");
  await waitingFor(greenroom, next.id, "draining");
  assert.deepEqual((await ownInstance(greenroom)).drain.left, []);
  await act("uncordon");
  await greenroom.dispatchIn(["running"], next.id);

  // Who asks wrongly is told so; who asked for what is written down.
  const nowhere = await greenroom.call("POST", "/api/v1/instances/01890a5d-ac96-774b-bcce-b302099a8057/cordon");
  assert.deepEqual([nowhere.status, nowhere.body.code], [404, "instance_not_found"]);
  assert.equal((await act("drain", { deadlineMs: -1 })).status, 400);
  const audited = async () => {
    const { items } = await greenroom.get("/api/v1/audit?limit=50");
    const rows = items.filter(({ action }: { action: string }) => action.startsWith("instance."));
    return rows.length === 8 && rows;
  };
  const rows = await eventually(audited, { what: "the audit log" });
  assert.deepEqual(rows.map(({ action, outcome }: Record<string, string>) => `${action} ${outcome}`).reverse(), [
    "instance.cordon ok",
    "instance.drain ok",
    "instance.drain ok",
    "instance.uncordon ok",
    "instance.drain ok",
    "instance.uncordon ok",
    "instance.cordon failed",
    "instance.drain failed",
  ]);
});

Deno.test("SIGTERM gives running jobs their time, and not less; those that it ends then are told by exit code 3, and nothing is left", async () => {
  const env = { GREENROOM_DRAIN_TIMEOUT_MS: "1500" };
  await using greenroom = await Greenroom.start({ agents: ["echo"], env });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "call" });
  const processes = await processesOfProgram(greenroom.pid, [greenroom.dataDir]);
  const ports = [greenroom.url, (await greenroom.livekit()).url].map((url) => Number(new URL(url).port));

  const askedAtMs = Date.now();
  greenroom.signal("SIGTERM");
  const draining = async () => (await ownInstance(greenroom)).drain;
  const { deadlineAt, left } = await eventually(draining, { what: "the drain" });
  assert.deepEqual([left.length, left[0].dispatchId], [1, body.id]);
  assert.ok(Date.parse(deadlineAt) >= askedAtMs + 1_500);
  const undo = await greenroom.call("POST", `/api/v1/instances/${(await ownInstance(greenroom)).id}/uncordon`);
  assert.deepEqual([undo.status, undo.body.code], [409, "instance_stopping"]);

  assert.equal(await greenroom.ended(), 3);
  const ended = await greenroom.logged("job ended");
  assert.deepEqual([ended.outcome, ended.endReason], ["cancelled", "drain"]);
  assert.ok(Date.parse(String(ended.at)) >= Date.parse(deadlineAt), "it was ended before its time");
  const areGone = async () => (await stillAlive(processes)).length === 0;
  await eventually(areGone, { what: "end of all processes" });
  for (const port of ports) {
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
  }
});

Deno.test("SIGTERM ends with code 0 when the last job ends by itself, and when it comes before the start is done", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo"] });
  const { body } = await greenroom.dispatch({ agent: "echo", room: "call" });
  greenroom.signal("SIGTERM");
  const isDraining = async () => (await greenroom.call("GET", "/ready")).status === 503;
  await eventually(isDraining, { what: "a drain that /ready tells" });
  await greenroom.call("DELETE", `/api/v1/dispatches/${body.id}`);
  assert.equal(await greenroom.ended(), 0);

  for (const line of ["is starting", "database"]) {
    await using interrupted = await Greenroom.start({ agents: ["echo"], waitForReady: false, isFirstStart: true });
    await interrupted.logged(line, 60_000);
    interrupted.signal("SIGTERM");
    assert.equal(await interrupted.ended(), 0, `after "${line}":\n${interrupted.tail()}`);
  }
});
