import assert from "node:assert/strict";
import { createLogger, silentLogger } from "../../../core/lifecycle/logger.ts";
import type { Service } from "../../../core/lifecycle/service.ts";
import { abortableWait, settlesWithin, Supervisor, untilAborted } from "../../../core/lifecycle/supervisor.ts";
import { eventually } from "../../support/eventually.ts";

function supervisor(options: Partial<ConstructorParameters<typeof Supervisor>[0]> = {}): Supervisor {
  return new Supervisor({ logger: silentLogger, stopTimeoutMs: 5_000, random: () => 0, ...options });
}

/** Notes what is asked of it in `calls`. */
function noting(name: string, calls: string[], overrides: Partial<Service> = {}): Service {
  return {
    name,
    start: () => Promise.resolve(void calls.push(`start ${name}`)),
    run: async (signal) => {
      calls.push(`run ${name}`);
      await untilAborted(signal);
      calls.push(`end ${name}`);
    },
    ...overrides,
  };
}

Deno.test("Supervisor starts services in order and stops them in reverse", async () => {
  const calls: string[] = [];
  const all = supervisor();
  for (const name of ["a", "b", "c"]) await all.add(noting(name, calls));
  assert.deepEqual(all.statuses().map(({ name, state }) => `${name} ${state}`), [
    "a running",
    "b running",
    "c running",
  ]);
  await all.stop();
  const order = ["start a", "run a", "start b", "run b", "start c", "run c", "end c", "end b", "end a"];
  assert.deepEqual(calls, order);
  assert.ok(all.statuses().every(({ state }) => state === "stopped"));
});

Deno.test("Supervisor.add resolves only when the service has started", async () => {
  const calls: string[] = [];
  const gate = Promise.withResolvers<void>();
  const all = supervisor();
  const added = all.add(noting("slow", calls, { start: () => gate.promise })).then(() => calls.push("added"));
  assert.equal(all.statuses()[0]?.state, "starting");
  assert.deepEqual(calls, []);
  gate.resolve();
  await added;
  assert.deepEqual(calls, ["run slow", "added"]);
  await all.stop();
});

Deno.test("Supervisor.add throws what the first start threw, and never runs the service", async () => {
  const calls: string[] = [];
  const all = supervisor();
  const broken = noting("broken", calls, { start: () => Promise.reject(new Error("no disk")) });
  await assert.rejects(all.add(broken), /no disk/);
  const [status] = all.statuses();
  assert.equal(status?.state, "stopped");
  assert.equal(status?.lastError, "no disk");
  await all.stop();
  assert.deepEqual(calls, []);
});

Deno.test("Supervisor starts a service again when it throws, and when it ends by itself", async () => {
  let runs = 0;
  const calls: string[] = [];
  const all = supervisor();
  await all.add(noting("flaky", calls, {
    run: async (signal) => {
      runs += 1;
      if (runs === 1) throw new Error("lost");
      if (runs === 2) return;
      await untilAborted(signal);
    },
  }));
  await eventually(() => runs === 3);
  const [status] = all.statuses();
  assert.equal(status?.state, "running");
  assert.equal(status?.restarts, 2);
  assert.match(status?.lastError ?? "", /ended by itself/);
  assert.deepEqual(calls, ["start flaky", "start flaky", "start flaky"]);
  await all.stop();
});

Deno.test("Supervisor goes on restarting when the start fails again, with waits that double up to their limit", async () => {
  const waits: number[] = [];
  let starts = 0;
  const logger = createLogger({
    level: "error",
    format: "json",
    write: (line) => void waits.push(JSON.parse(line).waitMs),
  });
  const all = supervisor({ logger, restartFirstMs: 1, restartMaxMs: 4, random: () => 1 });
  await all.add({
    name: "flaky",
    start: () => ++starts > 1 && starts < 6 ? Promise.reject(new Error("not yet")) : Promise.resolve(),
    run: (signal) => starts === 1 ? Promise.reject(new Error("lost")) : untilAborted(signal),
  });
  await eventually(() => starts === 6);
  assert.deepEqual(waits, [1, 2, 4, 4, 4]);
  await all.stop();
});

Deno.test("a service that has run for a while counts its restarts from 0 again, as shown and for its back-off", async () => {
  const waits: number[] = [];
  const logger = createLogger({
    level: "error",
    format: "json",
    write: (line) => void waits.push(JSON.parse(line).waitMs),
  });
  let now = new Date(0);
  const steady = { now: () => now, steadyAfterMs: 60_000 };
  const all = supervisor({ logger, restartFirstMs: 1, random: () => 1, ...steady });
  const runs: PromiseWithResolvers<void>[] = [];
  await all.add({
    name: "flaky",
    run: (signal) => {
      const run = Promise.withResolvers<void>();
      runs.push(run);
      return Promise.race([run.promise, untilAborted(signal)]);
    },
  });
  const fail = async (atMs: number) => {
    now = new Date(atMs);
    const before = runs.length;
    runs.at(-1)?.reject(new Error("lost"));
    await eventually(() => runs.length > before);
  };
  await fail(0);
  await fail(59_999);
  assert.equal(all.statuses()[0]?.restarts, 2);
  now = new Date(59_999 + 60_000);
  assert.equal(all.statuses()[0]?.restarts, 0);
  await fail(now.getTime());
  assert.deepEqual(waits, [1, 2, 1]);
  await all.stop();
});

Deno.test("a service that fails does not disturb the others", async () => {
  const calls: string[] = [];
  const all = supervisor();
  await all.add(noting("steady", calls));
  let runs = 0;
  await all.add(noting("flaky", [], {
    run: (signal) => ++runs < 4 ? Promise.reject(new Error("lost")) : untilAborted(signal),
  }));
  await eventually(() => runs === 4);
  assert.deepEqual(calls, ["start steady", "run steady"]);
  await all.stop();
});

Deno.test("Supervisor.stop ends the wait before a restart", async () => {
  const all = supervisor({ restartFirstMs: 600_000, restartMaxMs: 600_000, random: () => 1 });
  await all.add({ name: "flaky", run: () => Promise.reject(new Error("lost")) });
  await eventually(() => all.statuses()[0]?.state === "backing_off");
  await all.stop();
  assert.equal(all.statuses()[0]?.state, "stopped");
});

Deno.test("Supervisor.stop gives up on a service that does not end, says so and stops the others", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "error", format: "json", write: (line) => void lines.push(line) });
  const all = supervisor({ logger, stopTimeoutMs: 20 });
  const calls: string[] = [];
  await all.add(noting("good", calls));
  const stuck = Promise.withResolvers<void>();
  await all.add({ name: "stuck", run: () => stuck.promise });
  await all.stop();
  assert.ok(calls.includes("end good"));
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /"service":"stuck"/);
  stuck.resolve();
});

Deno.test("Supervisor.stop survives a service that throws while it stops", async () => {
  const calls: string[] = [];
  const all = supervisor();
  await all.add(noting("first", calls));
  await all.add(noting("angry", calls, {
    run: async (signal) => {
      await untilAborted(signal);
      throw new Error("on the way out");
    },
  }));
  await all.stop();
  assert.equal(calls.at(-1), "end first");
});

Deno.test("Supervisor.stop waits for a start that is under way, and lets the service clean up after it", async () => {
  const calls: string[] = [];
  const gate = Promise.withResolvers<void>();
  const all = supervisor();
  const added = all.add(noting("slow", calls, { start: () => gate.promise }));
  const stopped = all.stop().then(() => calls.push("stopped"));
  gate.resolve();
  await Promise.all([added, stopped]);
  assert.deepEqual(calls, ["run slow", "end slow", "stopped"]);
  assert.equal(all.statuses()[0]?.state, "stopped");
});

Deno.test("Supervisor takes no service while it stops, and stops only once", async () => {
  const all = supervisor();
  const stopped = all.stop();
  assert.equal(all.stop(), stopped);
  await assert.rejects(all.add({ name: "late", run: untilAborted }), /late: the supervisor is stopping/);
  await stopped;
});

Deno.test("abortableWait and untilAborted resolve when the signal aborts, also when it had before", async () => {
  const controller = new AbortController();
  const waits = [abortableWait(600_000, controller.signal), untilAborted(controller.signal)];
  controller.abort();
  await Promise.all(waits);
  await Promise.all([abortableWait(600_000, controller.signal), untilAborted(controller.signal)]);
});

Deno.test("settlesWithin is true for what resolves or rejects in time, and false for what does not", async () => {
  assert.equal(await settlesWithin(Promise.resolve(), 600_000), true);
  assert.equal(await settlesWithin(Promise.reject(new Error("no")), 600_000), true);
  const late = Promise.withResolvers<void>();
  assert.equal(await settlesWithin(late.promise, 1), false);
  late.reject(new Error("nobody waits for this any more"));
});
