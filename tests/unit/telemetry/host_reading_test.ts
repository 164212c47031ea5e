import assert from "node:assert/strict";
import { HostReader, parseMeminfo, parseOpenFilesLimit, usedCpuRatio } from "../../../core/telemetry/host_reading.ts";
import { memoryOfAll, parseProcessMemory, readMemoryOfAll } from "../../../core/telemetry/process_sample.ts";

const at = (atMs: number, busyMs: number, totalMs: number, groupUsedMs: number | null) => ({
  atMs,
  machine: { busyMs, totalMs },
  groupUsedMs,
});

Deno.test("usedCpuRatio is the machine's busy share without a quota, and the higher of both with one", () => {
  const before = at(0, 1_000, 10_000, 500);
  assert.equal(usedCpuRatio(before, at(1_000, 1_500, 12_000, 1_400), null), 0.25);
  // 900 ms of CPU in a second on a quota of one core, on a machine that is a quarter busy.
  assert.equal(usedCpuRatio(before, at(1_000, 1_500, 12_000, 1_400), 1), 0.9);
  assert.equal(usedCpuRatio(before, at(1_000, 2_900, 12_000, 600), 1), 0.95);
  assert.equal(usedCpuRatio(before, at(1_000, 1_500, 12_000, 9_999), 0.5), 1);
});

Deno.test("usedCpuRatio is unknown when the clock has not moved, and does without what is unknown", () => {
  const before = at(0, 1_000, 10_000, null);
  assert.equal(usedCpuRatio(before, at(0, 1_000, 10_000, null), null), null);
  assert.equal(usedCpuRatio(before, at(1_000, 1_500, 12_000, 700), 1), 0.25);
});

Deno.test("parseMeminfo and parseOpenFilesLimit read what the kernel writes, and null from anything else", () => {
  const meminfo = "MemTotal:       24684096 kB\nMemFree:        23117976 kB\nMemAvailable:   23914960 kB\n";
  assert.deepEqual(parseMeminfo(meminfo), { totalBytes: 25_276_514_304, availableBytes: 24_488_919_040 });
  assert.equal(parseMeminfo("MemTotal: 5 kB\n"), null);
  const limits = `Limit                     Soft Limit           Hard Limit           Units
Max open files            20000                1048576              files
`;
  assert.equal(parseOpenFilesLimit(limits), 20_000);
  assert.equal(parseOpenFilesLimit("Max open files            unlimited unlimited files"), null);
});

Deno.test("memoryOfAll counts the pages of programs and libraries once, and the rest of every process", () => {
  const status =
    "Name:\tdeno\nVmRSS:\t  90000 kB\nRssAnon:\t   30000 kB\nRssFile:\t   59000 kB\nRssShmem:\t    1000 kB\n";
  const one = parseProcessMemory(status);
  assert.deepEqual(one, { ownBytes: 31_000 * 1024, fileBytes: 59_000 * 1024 });
  assert.deepEqual(memoryOfAll({ ownBytes: 5, fileBytes: 7 }, []), { totalBytes: 12, perChildBytes: null });
  const children = [{ ownBytes: 10, fileBytes: 3 }, { ownBytes: 20, fileBytes: 9 }];
  assert.deepEqual(memoryOfAll({ ownBytes: 5, fileBytes: 7 }, children), { totalBytes: 44, perChildBytes: 15 });
});

Deno.test("HostReader knows this machine: shares lie between 0 and 1, and available memory below all of it", async () => {
  const reader = new HostReader();
  await reader.read();
  const { cpuRatio, cpuCores, memoryRatio, memoryTotalBytes, memoryAvailableBytes, openFiles } = await reader.read();
  assert.ok(cpuCores > 0);
  assert.ok(cpuRatio === null || (cpuRatio >= 0 && cpuRatio <= 1));
  if (Deno.build.os !== "linux") return;
  assert.ok(memoryRatio !== null && memoryRatio > 0 && memoryRatio < 1);
  assert.ok((memoryAvailableBytes ?? 0) > 0 && (memoryAvailableBytes ?? 0) < (memoryTotalBytes ?? 0));
  assert.ok((openFiles?.used ?? 0) > 2);
});

Deno.test("readMemoryOfAll passes over a process that has ended", async () => {
  const ended = new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).spawn();
  await ended.status;
  const memory = await readMemoryOfAll(Deno.build.os === "linux" ? [ended.pid] : []);
  assert.ok(memory !== null && memory.totalBytes > 1_000_000);
  assert.equal(memory.perChildBytes, null);
});
