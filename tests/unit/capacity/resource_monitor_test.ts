import assert from "node:assert/strict";
import { Admission } from "../../../core/capacity/admission.ts";
import { LoadMeter } from "../../../core/capacity/load_meter.ts";
import { ResourceLimiter } from "../../../core/capacity/resource_limiter.ts";
import { ResourceMonitor } from "../../../core/capacity/resource_monitor.ts";
import { createLogger } from "../../../core/lifecycle/logger.ts";
import type { HostReading } from "../../../core/telemetry/host_reading.ts";

const READING: HostReading = {
  cpuRatio: 0.2,
  cpuCores: 2,
  memoryTotalBytes: 1_000,
  memoryAvailableBytes: 600,
  memoryRatio: 0.4,
  processes: null,
  openFiles: { used: 30, limit: 1_024 },
};

function fixture(openFiles: number | null, read: () => Promise<HostReading>) {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "json", write: (line) => lines.push(line) });
  const limiter = new ResourceLimiter({ openFiles });
  const admission = new Admission(10, () => Infinity, { limiter });
  const loadMeter = new LoadMeter({
    calculator: "weighted",
    admission,
    agents: () => ["echo"],
    ask: () => null,
    logger,
  });
  const monitor = new ResourceMonitor({ limiter, loadMeter, childPids: () => [], logger, reader: { read } });
  return { monitor, admission, loadMeter, lines };
}

Deno.test("ResourceMonitor hands what it measures to limiter and load meter, and logs a limit that is reached and left", async () => {
  let used = 30;
  const { monitor, admission, loadMeter, lines } = fixture(
    40,
    () => Promise.resolve({ ...READING, openFiles: { used, limit: 1_024 } }),
  );
  await monitor.measureOnce();
  assert.equal(admission.refusalFor("echo"), null);
  assert.ok(Math.abs(loadMeter.loadRatioOf("echo", 0) - (0.3 * 0.2 + 0.3 * 0.4)) < 1e-9);
  used = 41;
  await monitor.measureOnce();
  assert.equal(admission.refusalFor("echo"), "instance_open_files");
  used = 20;
  await monitor.measureOnce();
  assert.equal(admission.refusalFor("echo"), null);
  assert.equal(lines.length, 2);
  assert.ok(lines[0]?.includes("open_files") && lines[0].includes("41") && lines[1]?.includes("recovered"));
  assert.equal(monitor.latest?.memoryAvailableBytes, 600);
});

Deno.test("ResourceMonitor that can't measure says so once and keeps the last measurement", async () => {
  let fails = false;
  const { monitor, lines } = fixture(
    null,
    () => fails ? Promise.reject(new Error("no /proc")) : Promise.resolve(READING),
  );
  await monitor.measureOnce();
  fails = true;
  const controller = new AbortController();
  const running = monitor.run(controller.signal);
  await assert.rejects(monitor.measureOnce());
  controller.abort();
  await running;
  assert.equal(lines.filter((line) => line.includes("could not measure")).length, 1);
  assert.equal(monitor.latest, READING);
});

Deno.test("ResourceMonitor measures this machine and its own process for real", async () => {
  const logger = createLogger({ level: "error", format: "json", write: () => {} });
  const limiter = new ResourceLimiter();
  const admission = new Admission(10);
  const loadMeter = new LoadMeter({ calculator: "jobs", admission, agents: () => [], ask: () => null, logger });
  const monitor = new ResourceMonitor({ limiter, loadMeter, childPids: () => [], logger });
  await monitor.measureOnce();
  assert.ok((monitor.memory?.totalBytes ?? 0) > 1_000_000);
  assert.equal(monitor.memoryPerJobBytes, 67_108_864, "assumed until there are processes to measure");
  assert.deepEqual(monitor.needOfJob(), { memoryBytes: 67_108_864, processes: 1, openFiles: 6 });
  assert.deepEqual(monitor.needOfJob(4), { memoryBytes: 16_777_216, processes: 0.25, openFiles: 1.5 });
  assert.deepEqual(monitor.needOfJob(Infinity), { memoryBytes: 5_242_880, processes: 0, openFiles: 0 });
});
