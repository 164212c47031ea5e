/** An agent's own say in its recovery: its hooks are asked and told, and TERMINATE stops it on this instance. */
import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { Greenroom } from "../support/greenroom.ts";

const heard: { hook: string; room: string; attempt: number; reason?: string; kind?: string }[] = [];
let hooks: Deno.HttpServer<Deno.NetAddr>;
let greenroom: Greenroom;
Deno.test.beforeAll(async () => {
  hooks = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    heard.push({ hook: new URL(request.url).pathname.slice(1), ...await request.json() });
    return new Response();
  });
  greenroom = await Greenroom.start({
    agents: ["recovers"],
    env: { HOOKS_URL: `http://127.0.0.1:${hooks.addr.port}` },
  });
});
Deno.test.afterAll(async () => {
  await greenroom?.stop();
  await hooks?.shutdown();
});

async function killedIn(room: string) {
  const { status, body } = await greenroom.dispatch({ agent: "recovers", room });
  assert.equal(status, 201, JSON.stringify(body));
  Deno.kill(body.jobs[0].pid, "SIGKILL");
  return body;
}

function hooksOf(room: string, count: number) {
  const found = () => heard.filter((each) => each.room === room);
  return eventually(() => found().length >= count ? found() : null, { what: `${count} hooks of ${room}` });
}

Deno.test("onRecoveryAttempt is asked before the next attempt, and onRecovered told when it is ready", async () => {
  const { id } = await killedIn("retries");
  const [attempt, recovered] = await hooksOf("retries", 2);
  assert.deepEqual([attempt?.hook, attempt?.attempt, attempt?.kind], ["onRecoveryAttempt", 1, "signal"]);
  assert.deepEqual([recovered?.hook, recovered?.attempt], ["onRecovered", 2]);
  const { state, jobs } = await greenroom.get(`/api/v1/dispatches/${id}`);
  assert.deepEqual([state, jobs.length], ["running", 2]);
});

Deno.test("an agent that refuses the next attempt ends the dispatch, and onRecoveryFailed is told why", async () => {
  const { id } = await killedIn("refuses");
  const { jobs, failure } = await greenroom.dispatchIn(["failed"], id);
  assert.deepEqual([jobs.length, failure.code], [1, "signal"]);
  const told = await hooksOf("refuses", 2);
  assert.deepEqual(told.map(({ hook }) => hook), ["onRecoveryAttempt", "onRecoveryFailed"]);
  assert.match(told[1]?.reason ?? "", /SIGKILL/);
});

Deno.test("TERMINATE: the agent takes no new jobs on this instance and says why, its calls go on, uncordon undoes it", async () => {
  const { body: call } = await greenroom.dispatch({ agent: "recovers", room: "goes-on" });
  const { id } = await killedIn("terminates");
  assert.equal((await greenroom.dispatchIn(["failed"], id)).jobs.length, 1);
  assert.deepEqual((await hooksOf("terminates", 1)).map(({ hook }) => hook), ["onRecoveryFailed"]);

  const agent = async () => (await greenroom.get("/api/v1/agents")).items[0];
  const stopped = await eventually(async () => {
    const found = await agent();
    return found.stopped && found;
  }, { what: "the agent is stopped" });
  assert.match(stopped.stopped.reason, /^signal: .*SIGKILL/);
  assert.equal((await greenroom.get("/api/v1/workers")).items[0].refusal, "agent_stopped");
  const waits = await greenroom.dispatch({ agent: "recovers", room: "waits" }, "wait=ready&waitMs=300");
  assert.deepEqual([waits.status, waits.body.code], [504, "agent_stopped"]);
  assert.match(waits.body.remedy, /uncordon/);
  const { problems } = await eventually(async () => {
    const overview = await greenroom.get("/api/v1/overview");
    return overview.problems.some(({ code }: { code: string }) => code === "agent_stopped") ? overview : null;
  });
  assert.ok(problems);
  const page = await (await fetch(`${greenroom.url}/workers`, { headers: greenroom.authorization })).text();
  assert.match(page, /Let recovers take calls again/);
  assert.equal((await greenroom.get(`/api/v1/dispatches/${call.id}`)).state, "running");

  const { items: [instance] } = await greenroom.get("/api/v1/instances");
  const { status } = await greenroom.call("POST", `/api/v1/instances/${instance.id}/uncordon`);
  assert.equal(status, 202);
  await greenroom.dispatchIn(["running"], waits.body.dispatch.id);
  assert.equal((await agent()).stopped, null);
});
