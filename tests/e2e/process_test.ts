/** The program as a process: killed, started twice, stopped; what it leaves behind and what it gives away. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { Greenroom, makeDataDir } from "../support/greenroom.ts";
import { exposedTextOf, processesOfProgram, type SeenProcess, stillAlive } from "../support/processes.ts";

/** Files of the data directory that hold no secret. */
const NOTES = new Set(["lock", "instance", "postgres-location", "postgres-socket"]);
/** From the end of the program to nothing being left of it, on a busy machine. */
const GONE_WITHIN_MS = 10_000;

async function nothingLeft(processes: readonly SeenProcess[]): Promise<void> {
  let left: SeenProcess[] = [];
  const look = async () => (left = await stillAlive(processes)).length === 0;
  await eventually(look, { withinMs: GONE_WITHIN_MS, what: "end of all processes" }).catch((error) => {
    throw new Error(`These processes are left: ${Deno.inspect(left)}`, { cause: error });
  });
}

async function withDataDir(work: (dataDir: string) => Promise<void>): Promise<void> {
  const dataDir = await makeDataDir();
  try {
    await work(dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

function kindsOf(processes: readonly SeenProcess[]): string[] {
  const kinds = {
    postgres: /bin\/postgres/,
    livekit: /livekit-server/,
    slot: /slot_child/,
    reaper: /sh -c trap '' INT/,
  };
  return Object.entries(kinds).filter(([, pattern]) => processes.some(({ command }) => pattern.test(command)))
    .map(([kind]) => kind);
}

Deno.test("kill -9 leaves no process behind, and the next start on the directory takes over by itself", async () => {
  await withDataDir(async (dataDir) => {
    const env = { MAX_CONCURRENT_JOBS: "2", GREENROOM_RECOVERY_MAX_ATTEMPTS: "1" };
    const settings = { dataDir, agents: ["echo", "spins"], env };
    await using first = await Greenroom.start(settings);
    const running = await first.dispatch({ agent: "echo", room: "call" });
    const stuck = await first.dispatch({ agent: "spins", room: "stuck" }, "");
    const queued = await first.dispatch({ agent: "echo", room: "queued" }, "");
    assert.deepEqual([running.status, queued.body.state], [201, "queued"]);
    await first.dispatchIn(["running"], stuck.body.id);
    const processes = await processesOfProgram(first.pid, [dataDir]);
    assert.deepEqual(kindsOf(processes), ["postgres", "livekit", "slot", "reaper"]);
    await first.kill();
    await nothingLeft(processes);

    await using second = await Greenroom.start(settings);
    for (const { body: { id } } of [running, stuck]) {
      const { jobs: [job], failure } = await second.dispatchIn(["failed"], id);
      assert.deepEqual([job.state, job.failure.kind, failure.code], ["failed", "instance_lost", "instance_lost"]);
      assert.match(failure.remedy, /Retry the dispatch/);
    }
    const { jobs } = await second.dispatchIn(["running"], queued.body.id);
    const { items } = await second.get("/api/v1/instances");
    assert.deepEqual(items.map(({ state }: { state: string }) => state), ["running", "lost"]);
    assert.equal(jobs[0].instanceId, items[0].id);
  });
});

Deno.test("a second start on the same directory, or on a port in use, refuses and says why", async () => {
  await withDataDir(async (dataDir) => {
    await using first = await Greenroom.start({ dataDir, agents: [] });
    const second = await Greenroom.start({ dataDir, agents: [], waitForReady: false });
    assert.equal(await second.ended(), 1);
    assert.match(second.tail(), new RegExp(`${dataDir} is in use by process ${first.pid}\\b.*GREENROOM_DATA_DIR`));

    const { port } = new URL(first.url);
    const third = await Greenroom.start({ agents: [], env: { PORT: port }, waitForReady: false });
    assert.equal(await third.ended(), 1);
    assert.match(third.tail(), new RegExp(`Port ${port} .*is in use\\..*set PORT to another`));
    assert.equal((await first.call("GET", "/ready")).status, 200);
  });
});

Deno.test("wrong settings are all named at once, and the program ends with code 2", async () => {
  const env = {
    PORT: "eighty",
    MAX_CONCURRENT_JOBS: "0",
    LIVEKIT_URL: "livekit.example.com",
    GREENROOM_API_KEY: "short",
  };
  const greenroom = await Greenroom.start({ agents: [], env, waitForReady: false });
  assert.equal(await greenroom.ended(), 2);
  for (const name of Object.keys(env)) assert.match(greenroom.tail(), new RegExp(`${name}: `));
  assert.doesNotMatch(greenroom.tail(), /short/);
});

Deno.test("SIGTERM drains: running jobs go on, nothing new is taken, and a second SIGTERM ends them", async () => {
  await withDataDir(async (dataDir) => {
    await using greenroom = await Greenroom.start({ dataDir, agents: ["echo"] });
    await using human = await greenroom.human("call");
    const { body } = await greenroom.dispatch({ agent: "echo", room: "call" });
    const processes = await processesOfProgram(greenroom.pid, [dataDir]);

    greenroom.signal("SIGTERM");
    const isDraining = async () => (await greenroom.call("GET", "/ready")).status === 503;
    await eventually(isDraining, { what: "a drain that /ready tells" });
    const refused = await greenroom.dispatch({ agent: "echo", room: "too-late" }, "");
    assert.deepEqual([refused.status, refused.body.code], [503, "draining"]);
    await human.sendData("chat", "still there?");
    assert.equal((await human.nextData("chat")).text, "still there?");
    assert.equal((await greenroom.get(`/api/v1/dispatches/${body.id}`)).state, "running");
    await human.leave();

    greenroom.signal("SIGTERM");
    assert.equal(await greenroom.ended(), 130);
    await nothingLeft(processes);

    await using next = await Greenroom.start({ dataDir, agents: ["echo"] });
    const { state, jobs: [job] } = await next.get(`/api/v1/dispatches/${body.id}`);
    assert.deepEqual([state, job.state, job.endReason], ["cancelled", "cancelled", "shutdown"]);
    assert.deepEqual((await next.get("/api/v1/dispatches?room=too-late")).items, []);
  });
});

Deno.test("SIGTERM with nothing running ends with code 0, leaves no process, and nothing listens any more", async () => {
  await using greenroom = await Greenroom.start({ agents: ["echo"] });
  await greenroom.logged("registered with LiveKit");
  const processes = await processesOfProgram(greenroom.pid, [greenroom.dataDir]);
  const ports = [greenroom.url, (await greenroom.livekit()).url].map((url) => Number(new URL(url).port));
  greenroom.signal("SIGTERM");
  assert.equal(await greenroom.ended(), 0);
  await nothingLeft(processes);
  for (const port of ports) {
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
  }
});

Deno.test("secrets stay in files of mode 600: none is in the logs, in a child's environment or on a command line", async () => {
  await using greenroom = await Greenroom.start({
    isFirstStart: true,
    agents: ["echo", "throws"],
    env: { GREENROOM_API_KEY: "", LIVEKIT_WS_DEBUG: "1", GREENROOM_RECOVERY_MAX_ATTEMPTS: "1" },
  });
  const { dataDir } = greenroom;
  await greenroom.logged("Open the dashboard by the link in");
  const secrets = await secretsIn(dataDir);
  assert.deepEqual([...secrets.keys()].filter((name) => /^(api-key|livekit-api-(key|secret))$/.test(name)).sort(), [
    "api-key",
    "livekit-api-key",
    "livekit-api-secret",
  ]);
  assert.equal(((await Deno.stat(dataDir)).mode ?? 0) & 0o067, 0);

  const headers = { authorization: `Bearer ${secrets.get("api-key")}` };
  await greenroom.logged("registered with LiveKit");
  for (const placement of ["direct", "livekit"]) {
    const body = { agent: "echo", room: placement, placement };
    const { status } = await greenroom.call("POST", "/api/v1/dispatches?wait=ready", body, headers);
    assert.equal(status, 201);
  }
  await greenroom.call("POST", "/api/v1/dispatches?wait=done", { agent: "throws", room: "throws" }, headers);
  await greenroom.call("POST", "/livekit/webhook", "{}", {
    authorization: `Bearer ${secrets.get("livekit-api-secret")}`,
  });

  const processes = await processesOfProgram(greenroom.pid, [dataDir]);
  assert.ok(kindsOf(processes).includes("slot"));
  const exposed = await Promise.all(
    processes.map(async ({ pid, command }) => ({ command, text: await exposedTextOf(pid) })),
  );
  secrets.delete("livekit-api-key"); // names the secret, as a user name does
  for (const [name, secret] of secrets) {
    assert.deepEqual(greenroom.lines.filter((line) => line.includes(secret)), [], `${name} was logged`);
    assert.deepEqual(exposed.filter(({ text }) => text.includes(secret)).map(({ command }) => command), [], name);
  }
  assert.deepEqual(
    greenroom.lines.filter((line) => /eyJ[\w-]{8,}\.[\w-]+\.[\w-]+/.test(line)),
    [],
    "a token was logged",
  );
});

/** Every file that lies in the data directory and is no note of ours, by name; checks that only its owner can read it. */
async function secretsIn(dataDir: string): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  for await (const { name, isFile } of Deno.readDir(dataDir)) {
    if (!isFile || NOTES.has(name)) continue;
    const file = join(dataDir, name);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600, name);
    // The spool holds changes of jobs, and is empty while the database is there.
    if (name !== "spool") secrets.set(name, (await Deno.readTextFile(file)).trim());
  }
  return secrets;
}
