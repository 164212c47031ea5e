import assert from "node:assert/strict";
import { join } from "node:path";
import type { Slot } from "../../../core/runtime/slot.ts";
import type { PoolAgent } from "../../../core/runtime/slot_lane.ts";
import { SlotProcess, type SlotProcessOptions } from "../../../core/runtime/slot_process.ts";
import { spawnChild } from "../../../core/runtime/spawn_child.ts";
import { eventually } from "../../support/eventually.ts";
import {
  isAlive,
  jobOf,
  RememberingObserver,
  type RuntimeFixture,
  startRuntime,
  testAgent,
} from "../../support/runtime_fixture.ts";

function startProcess(
  runtime: RuntimeFixture,
  agent: PoolAgent,
  options: Partial<SlotProcessOptions> & { heapLimitMb?: number } = {},
): SlotProcess {
  const { jobsAtOnce = 1, heapLimitMb = 0 } = options;
  const limits = { rtcLogs: false, connectTimeoutMs: 5_000, maxLogLines: 1_000 };
  const args = { agentFile: agent.file, jobsAtOnce, prime: false, ...limits };
  const { environment } = runtime;
  const child = spawnChild(environment, { entry: "slot", args }, agent.osPermissions, { heapLimitMb });
  const { logger } = environment;
  return new SlotProcess({ agent: agent.name, child, isCold: true, loadTimeoutMs: 30_000, logger, ...options });
}

async function warmProcess(
  runtime: RuntimeFixture,
  name: string,
  options: Partial<SlotProcessOptions> & { heapLimitMb?: number } = {},
): Promise<SlotProcess> {
  const process = startProcess(runtime, testAgent(name), options);
  await eventually(() => process.state === "warm", { what: `${name} is warm` });
  return process;
}

async function warmSlot(runtime: RuntimeFixture, name: string): Promise<Slot> {
  return (await warmProcess(runtime, name)).open();
}

Deno.test("Slot runs a job on a warm child to a cancelled end and its process is gone", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "idle");
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  assert.equal(slot.state, "running");
  slot.cancel("drain", 1_000);
  assert.deepEqual(await running, { outcome: "cancelled", endReason: "drain" });
  assert.deepEqual(observer.ends, [{ outcome: "cancelled", endReason: "drain" }]);
  assert.equal(observer.lines[0]?.message, "idling");
  assert.equal(slot.state, "gone");
  assert.equal(isAlive(slot.pid), false);
});

Deno.test("Slot runs a job that was given to it while it was loading", async () => {
  await using runtime = await startRuntime();
  const slot = startProcess(runtime, testAgent("idle")).open();
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  assert.equal(slot.state, "loading");
  await observer.hasEntered;
  slot.cancel("cancelled", 1_000);
  assert.equal((await running).outcome, "cancelled");
});

Deno.test("Slot lets the child leave only when the end has been recorded", async () => {
  await using runtime = await startRuntime();
  const process = await warmProcess(runtime, "throws");
  const slot = process.open();
  const recorded = Promise.withResolvers<void>();
  const observer = new RememberingObserver({ holdEnd: recorded.promise });
  const running = slot.run(jobOf("throws"), observer);
  await eventually(() => observer.ends.length === 1);
  assert.equal(slot.state, "finishing");
  assert.equal(isAlive(slot.pid), true);
  recorded.resolve();
  const end = await running;
  assert.equal(end.outcome, "failed");
  assert.equal(end.endReason, "entry_threw");
  assert.equal(end.outcome === "failed" && end.failure.kind, "exception");
  assert.match(end.outcome === "failed" ? end.failure.message : "", /RangeError: thrown on purpose/);
  assert.equal((await process.gone).exit.code, 0);
});

Deno.test("Slot reports an exit code when the agent ends its process", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "exits");
  const observer = new RememberingObserver();
  const end = await slot.run(jobOf("exits"), observer);
  assert.equal(end.endReason, "process_gone");
  assert.deepEqual(end.outcome === "failed" && [end.failure.kind, end.failure.exitCode], ["exit", 3]);
  assert.equal(observer.ends.length, 1);
});

Deno.test("Slot reports the signal when its process is killed from outside", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "idle");
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("idle"), observer);
  await observer.hasEntered;
  Deno.kill(slot.pid ?? 0, "SIGKILL");
  const end = await running;
  assert.deepEqual(end.outcome === "failed" && [end.failure.kind, end.failure.signal], ["signal", "SIGKILL"]);
});

Deno.test("Slot kills a child whose event loop is stuck and reports it as unresponsive", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "spins");
  const end = await slot.run(jobOf("spins"), new RememberingObserver());
  assert.equal(end.outcome === "failed" && end.failure.kind, "unresponsive");
});

Deno.test("Slot kills a cancelled child that does not end in its grace, and notes the overrun", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "overruns");
  const observer = new RememberingObserver();
  const running = slot.run(jobOf("overruns"), observer);
  await observer.hasEntered;
  slot.cancel("cancelled", 100);
  const end = await running;
  assert.equal(end.outcome, "cancelled");
  assert.equal(end.outcome === "cancelled" && end.failure?.kind, "shutdown_overrun");
});

Deno.test("Slot fails the job as not started with the file's error when the file throws at load", async () => {
  await using runtime = await startRuntime();
  const process = startProcess(runtime, testAgent("throws_at_load"));
  const slot = process.open();
  const end = await slot.run(jobOf("throws_at_load"), new RememberingObserver());
  assert.equal(end.outcome === "failed" && end.failure.kind, "not_started");
  assert.match(end.outcome === "failed" ? end.failure.message : "", /no settings for this agent/);
  assert.match((await process.gone).failure ?? "", /no settings for this agent/);
});

Deno.test("Slot kills a child that does not load in time", async () => {
  await using runtime = await startRuntime();
  const slot = startProcess(runtime, testAgent("never_loads"), { loadTimeoutMs: 500 }).open();
  const end = await slot.run(jobOf("never_loads"), new RememberingObserver());
  assert.match(end.outcome === "failed" ? end.failure.message : "", /did not load in time/);
});

Deno.test("Slot fails the job as not started when its warm process is already gone", async () => {
  await using runtime = await startRuntime();
  const process = await warmProcess(runtime, "idle");
  const slot = process.open();
  Deno.kill(slot.pid ?? 0, "SIGKILL");
  await process.gone;
  const end = await slot.run(jobOf("idle"), new RememberingObserver());
  assert.equal(end.outcome === "failed" && end.failure.kind, "not_started");
});

Deno.test("Slot flags a job that uses much memory, and kills it above its limit as out of memory, with the figures", async () => {
  await using runtime = await startRuntime();
  const process = await warmProcess(runtime, "hoards", { memoryLimitBytes: 300 * 1_048_576 });
  const observer = new RememberingObserver();
  const end = await process.open().run(jobOf("hoards", { metadata: { stepMb: 4 } }), observer);
  assert.equal(end.outcome === "failed" && end.failure.kind, "out_of_memory");
  assert.match(end.outcome === "failed" ? end.failure.message : "", /used \d+ of 300 MB/);
  assert.deepEqual(observer.flags, ["memory_high"]);
  assert.ok((observer.lastResources?.peakRssBytes ?? 0) > 240 * 1_048_576);
});

Deno.test("Slot reports a process that fills its heap limit as out of memory", async () => {
  await using runtime = await startRuntime();
  const process = await warmProcess(runtime, "hoards_heap", { heapLimitMb: 64 });
  const end = await process.open().run(jobOf("hoards_heap"), new RememberingObserver());
  assert.equal(end.outcome === "failed" && end.failure.kind, "out_of_memory");
  assert.match(end.outcome === "failed" ? end.failure.message : "", /heap/);
});

Deno.test("Slot passes on a bounded part of a flood on stdout and the job still ends well", async () => {
  await using runtime = await startRuntime();
  const slot = await warmSlot(runtime, "floods");
  const observer = new RememberingObserver();
  const end = await slot.run(jobOf("floods"), observer);
  assert.equal(end.outcome, "succeeded");
  assert.ok(observer.lines.length < 10_000, `${observer.lines.length} lines`);
  assert.ok(observer.lines.some(({ message }) => /lines dropped/.test(message)));
});

Deno.test("an agent's child can't read the data folder, write, run a program, download, or see our secrets", async () => {
  await using runtime = await startRuntime({ env: { LIVEKIT_API_SECRET: "hush", GREETING: "hello" } });
  const secretFile = join(runtime.dataDir, "secret");
  await Deno.writeTextFile(secretFile, "hush");
  const newFile = join(runtime.dataDir, "new");
  const slot = startProcess(runtime, testAgent("nosy", { env: ["LIVEKIT_API_SECRET", "GREETING"] })).open();
  const observer = new RememberingObserver();
  const metadata = { secretFile, newFile, elsewhere: "/etc/hostname" };
  const end = await slot.run(jobOf("nosy", { metadata }), observer);
  assert.equal(end.outcome, "succeeded");
  const fields = observer.lines.find(({ message }) => message === "tried")?.fields as {
    done: string[];
    env: Record<string, string>;
  };
  assert.deepEqual(fields.done, []);
  assert.equal(fields.env.GREETING, "hello");
  const names = Object.keys(fields.env).sort();
  const given = ["DENO_DIR", "DENO_NO_UPDATE_CHECK", "GREETING", "HOME", "NO_COLOR", "PATH"];
  const setInsideByUs = ["NODE_ENV", "RUST_LOG"];
  const allowed = [...given, ...setInsideByUs];
  assert.deepEqual(names.filter((name) => !allowed.includes(name)), []);
  assert.ok(runtime.logged.some((line) => line.includes("LIVEKIT_API_SECRET") && line.includes("can't have")));
});

Deno.test("an agent's osPermissions narrow the network and widen reading, and no further", async () => {
  await using runtime = await startRuntime();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const osPermissions = { net: ["127.0.0.1"], env: [], read: ["/etc/hostname"] };
  const slot = startProcess(runtime, testAgent("narrow", { osPermissions })).open();
  const observer = new RememberingObserver();
  const { port } = listener.addr as Deno.NetAddr;
  assert.equal((await slot.run(jobOf("narrow", { metadata: { port } }), observer)).outcome, "succeeded");
  const fields = observer.lines.find(({ message }) => message === "tried")?.fields;
  assert.deepEqual(fields, {
    done: ["reach a listed host", "read a listed file"],
    refusals: {
      "reach another host": "NotCapable",
      "resolve a name": "NotCapable",
      "read another file": "NotCapable",
    },
  });
});
