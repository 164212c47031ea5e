import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentCatalog } from "../../../core/runtime/agent_catalog.ts";
import { AgentHost } from "../../../core/runtime/agent_host.ts";
import { eventually } from "../../support/eventually.ts";
import { AGENTS_DIR, isAlive, type RuntimeFixture, SETTINGS, startRuntime } from "../../support/runtime_fixture.ts";

function hostOf(runtime: RuntimeFixture, name: string, settings: Partial<typeof SETTINGS> = {}, idleEndMs = 60_000) {
  const host = new AgentHost({
    file: join(AGENTS_DIR, `${name}.ts`),
    settings: { ...SETTINGS, ...settings },
    environment: runtime.environment,
    idleEndMs,
  });
  return Object.assign(host, { [Symbol.asyncDispose]: () => host.stop() });
}

Deno.test("AgentHost describes an agent without a metadata schema and ends its process", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "idle");
  const loaded = await host.load();
  assert.equal(loaded.state, "loaded");
  assert.equal(loaded.state === "loaded" && loaded.descriptor.name, "idle");
  assert.equal(host.pid, null);
});

Deno.test("AgentHost checks metadata by the agent's schema and names each wrong field", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "picky");
  await host.load();
  const pid = host.pid;
  assert.ok(isAlive(pid));
  const good = await host.validateMetadata({ customer: { name: "Ada" } });
  assert.deepEqual(good, { ok: true, metadata: { customer: { name: "Ada" }, mode: "plain" } });
  const bad = await host.validateMetadata({ customer: { name: "" } });
  assert.equal(bad.ok, false);
  assert.deepEqual(!bad.ok && bad.errors.map(({ path }) => path), ["customer.name"]);
  assert.equal(host.pid, pid);
});

Deno.test("AgentHost answers a check that gets stuck in time, and the next one in a new process", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "picky", { validateTimeoutMs: 300 });
  await host.load();
  const pid = host.pid;
  const [stuck, beside] = await Promise.all([
    host.validateMetadata({ customer: { name: "Ada" }, mode: "loop" }),
    host.validateMetadata({ customer: { name: "Ada" } }),
  ]);
  assert.ok("timedOut" in stuck && "timedOut" in beside);
  assert.match(stuck.errors[0]?.message ?? "", /no answer within 300 ms/);
  const after = await host.validateMetadata({ customer: { name: "Ada" } });
  assert.equal(after.ok, true);
  assert.notEqual(host.pid, pid);
  await eventually(() => !isAlive(pid), { what: "the stuck host is gone" });
});

Deno.test("AgentHost answers a check whose schema ends the process", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "picky");
  await host.load();
  const check = await host.validateMetadata({ customer: { name: "Ada" }, mode: "exit" });
  assert.ok("timedOut" in check);
  assert.match(check.errors[0]?.message ?? "", /process ended/);
});

Deno.test("AgentHost ends its process when it has been idle and starts it again on demand", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "picky", {}, 10);
  await host.load();
  await eventually(() => host.pid === null);
  assert.equal((await host.validateMetadata({ customer: { name: "Ada" } })).ok, true);
});

Deno.test("AgentHost calls an agent broken when its file loops while it is loaded", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "loops_at_load", { hostTimeoutMs: 800 });
  const loaded = await host.load();
  assert.match(loaded.state === "broken" ? loaded.error : "", /did not load within 800 ms/);
  assert.equal(host.pid, null);
});

Deno.test("AgentHost calls an agent broken with the file's own error when the file throws", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "throws_at_load");
  const loaded = await host.load();
  assert.match(loaded.state === "broken" ? loaded.error : "", /no settings for this agent[^]*throws_at_load\.ts/);
});

async function catalogOf(runtime: RuntimeFixture, files: Record<string, string>) {
  const agentsDir = join(runtime.dataDir, "..", `${runtime.dataDir.split("/").at(-1)}-agents`);
  await Deno.mkdir(agentsDir);
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(agentsDir, name), text);
  const environment = {
    ...runtime.environment,
    folders: { ...runtime.environment.folders, agentsDir },
  };
  const catalog = new AgentCatalog({ agentsDir, settings: SETTINGS, environment, logger: environment.logger });
  await catalog.load();
  return Object.assign(catalog, {
    agentsDir,
    [Symbol.asyncDispose]: async () => {
      await catalog.stop();
      await Deno.remove(agentsDir, { recursive: true });
    },
  });
}

function agentText(name: string, more = ""): string {
  return `import { defineAgent } from "greenroom";\nexport default defineAgent({ name: "${name}", ${more} entry: () => {} });\n`;
}

Deno.test("AgentCatalog loads agents outside the project, and a broken file only breaks itself", async () => {
  await using runtime = await startRuntime();
  await using catalog = await catalogOf(runtime, {
    "good.ts": agentText("support", "warmSlots: 3,"),
    "bad.ts": "throw new Error('on purpose');",
    "_part.ts": "export const part = 1;",
    "good_test.ts": "throw new Error('not an agent');",
    "notes.md": "",
  });
  assert.deepEqual(catalog.list().map(({ name, state }) => [name, state]), [["bad", "broken"], ["support", "ready"]]);
  assert.match(catalog.find("bad")?.error ?? "", /on purpose/);
  assert.deepEqual(catalog.nearest("suport", 3), ["support"]);
  assert.equal(catalog.find("suport"), null);
  assert.deepEqual(catalog.poolAgents(2).map(({ name, warmSlots }) => [name, warmSlots]), [["support", 3]]);
  assert.deepEqual(catalog.pids(), []);
});

Deno.test("AgentCatalog breaks both of two files that define the same agent, and names them", async () => {
  await using runtime = await startRuntime();
  await using catalog = await catalogOf(runtime, { "a.ts": agentText("twin"), "b.ts": agentText("twin") });
  assert.deepEqual(catalog.snapshot().map(({ state }) => state), ["broken", "broken"]);
  assert.match(catalog.find("twin")?.error ?? "", /2 files define the agent "twin": a\.ts, b\.ts/);
});

Deno.test("AgentCatalog hosts agents of every job type, and an inline one only when the operator allows it", async () => {
  await using runtime = await startRuntime();
  await using catalog = await catalogOf(runtime, {
    "a.ts": agentText("pub", 'jobType: "publisher",'),
    "b.ts": agentText("inside", 'isolation: "inline",'),
  });
  assert.equal(catalog.find("pub")?.state, "ready");
  assert.match(catalog.find("inside")?.error ?? "", /list "inside" in GREENROOM_INLINE_AGENTS/);
});

Deno.test("AgentCatalog takes over what changed, keeps a broken agent's name, and tells its listeners", async () => {
  await using runtime = await startRuntime();
  await using catalog = await catalogOf(runtime, {
    "a.ts": agentText("support"),
    "b.ts": `import "./_part.ts";\n${agentText("other")}`,
    "_part.ts": "export const part = 1;",
  });
  let changes = 0;
  catalog.onChange(() => changes++);
  assert.equal(await catalog.refresh(), false);
  const versions = () => catalog.list().map(({ version }) => version);
  const [a, b] = versions();
  await Deno.writeTextFile(join(catalog.agentsDir, "_part.ts"), "export const part = 2;");
  assert.equal(await catalog.refresh(), true);
  assert.equal(versions()[0], a);
  assert.notEqual(versions()[1], b);
  await Deno.writeTextFile(join(catalog.agentsDir, "a.ts"), "throw new Error('on purpose');");
  await Deno.remove(join(catalog.agentsDir, "b.ts"));
  await Promise.all([catalog.refresh(), catalog.refresh()]);
  assert.deepEqual(catalog.list().map(({ name, state }) => [name, state]), [["support", "broken"]]);
  assert.match(catalog.find("support")?.error ?? "", /on purpose/);
  assert.deepEqual(catalog.poolAgents(1), []);
  await Deno.writeTextFile(join(catalog.agentsDir, "a.ts"), agentText("renamed"));
  await catalog.refresh();
  assert.deepEqual(catalog.list().map(({ name, state }) => [name, state]), [["renamed", "ready"]]);
  assert.equal(changes, 3);
});

const PRIORITY = { participantIdentity: null, metadata: null };

Deno.test("AgentHost asks hooks in a process that stays, and says why one gave no usable answer", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "hooked", {}, 10);
  await host.load();
  const pid = host.pid;
  const ask = (room: string, timeoutMs = 10_000) => host.hook("priority", { room, ...PRIORITY }, timeoutMs);
  assert.deepEqual(await ask("calm"), { ok: true, value: "high" });
  const [odd, threw, slow] = [await ask("odd"), await ask("throws"), await ask("slow", 50)];
  assert.match(odd.ok ? "" : odd.reason, /priority's answer is not valid/);
  assert.match(threw.ok ? "" : threw.reason, /priority threw Error: on purpose/);
  assert.match(slow.ok ? "" : slow.reason, /no answer within 50 ms/);
  const missing = await host.hook("participant", {
    ...{ jobId: "j", dispatchId: "d", attempt: 1, room: "r", participantIdentity: null, metadata: null },
  }, 10_000);
  assert.match(missing.ok ? "" : missing.reason, /no hook participant/);
  assert.equal(host.pid, pid, "a hook that takes its time does not end its host");
});

Deno.test("AgentHost kills the process of a hook that loops, and asks a new one", async () => {
  await using runtime = await startRuntime();
  await using host = hostOf(runtime, "hooked");
  await host.load();
  const offer = {
    livekitJobId: "AJ",
    jobType: "room" as const,
    participantIdentity: null,
    metadata: "",
    attributes: {},
  };
  const accept = (room: string) => host.hook("accept", { ...offer, room }, 200);
  await eventually(async () => (await accept("calm")).ok, { what: "the host is up" });
  const pid = host.pid;
  const late = await accept("loops");
  assert.match(late.ok ? "" : late.reason, /accept gave no answer within 200 ms/);
  await eventually(() => !isAlive(pid), { what: "the stuck host is gone" });
  await eventually(async () => (await accept("calm")).ok, { what: "a new host answers" });
  assert.deepEqual(await accept("unwanted"), { ok: true, value: false });
});
