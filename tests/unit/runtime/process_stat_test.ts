import assert from "node:assert/strict";
import { isHalted, readProcessStat } from "../../../core/runtime/process_stat.ts";
import { eventually } from "../../support/eventually.ts";

Deno.test("readProcessStat reads this process's CPU time and memory, and gives null for a process that is not there", () => {
  if (Deno.build.os !== "linux") return;
  const stat = readProcessStat(Deno.pid);
  assert.ok(stat !== null && stat.cpuMs > 0 && stat.rssBytes > 10_000_000);
  assert.equal(isHalted(stat), false);
  assert.equal(readProcessStat(2 ** 30), null);
});

Deno.test("isHalted tells a stopped process from one that sleeps", async () => {
  if (Deno.build.os !== "linux") return;
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  try {
    assert.equal(isHalted(readProcessStat(child.pid)), false);
    Deno.kill(child.pid, "SIGSTOP");
    await eventually(() => isHalted(readProcessStat(child.pid)));
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});
