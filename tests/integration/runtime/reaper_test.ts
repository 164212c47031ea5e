import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { Reaper } from "../../../core/runtime/reaper.ts";
import { eventually } from "../../support/eventually.ts";
import { isAlive } from "../../support/runtime_fixture.ts";

const PARENT = fileURLToPath(new URL("../../support/reaper_parent.ts", import.meta.url));

interface ParentPids {
  parent: number;
  reaper: number;
  stuck: number;
  removed: number;
}

/** A process with a reaper, a child that will not end by itself, and one that it has taken off the list. */
async function startParent(): Promise<{ pids: ParentPids; process: Deno.ChildProcess }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PARENT],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { value } = await process.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
  return { pids: JSON.parse(value ?? "null"), process };
}

async function isZombieOrGone(pid: number): Promise<boolean> {
  try {
    return /^\d+ \(.*\) Z/.test(await Deno.readTextFile(`/proc/${pid}/stat`));
  } catch {
    return !isAlive(pid); // gone, or no /proc
  }
}

Deno.test("Reaper kills what is left of its list, and ends, when its parent was killed with SIGKILL", async () => {
  const { pids, process } = await startParent();
  try {
    assert.ok(isAlive(pids.stuck) && isAlive(pids.reaper));
    process.kill("SIGKILL");
    await process.status;
    await eventually(() => isZombieOrGone(pids.stuck), { what: "the stuck child is gone" });
    await eventually(() => isZombieOrGone(pids.reaper), { what: "the reaper is gone" });
    assert.equal(await isZombieOrGone(pids.removed), false);
  } finally {
    for (const pid of [pids.stuck, pids.removed]) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("Reaper outlives the signals of a terminal", async () => {
  const { pids, process } = await startParent();
  try {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.kill(pids.reaper, signal);
    process.kill("SIGKILL");
    await process.status;
    await eventually(() => isZombieOrGone(pids.stuck), { what: "the stuck child is gone" });
  } finally {
    for (const pid of [pids.stuck, pids.removed]) if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("Reaper is started again, with its list, when somebody kills it", async () => {
  const reaper = new Reaper(silentLogger);
  const child = new Deno.Command("sleep", { args: ["600"], stdin: "null", stdout: "null" }).spawn();
  try {
    reaper.start();
    await reaper.add(child.pid);
    const first = reaper.pid ?? 0;
    Deno.kill(first, "SIGKILL");
    await eventually(() => reaper.pid !== null && reaper.pid !== first, { what: "a new reaper" });
    await reaper.stop();
    const status = await child.status;
    assert.equal(status.signal, "SIGKILL");
  } finally {
    if (isAlive(child.pid)) child.kill("SIGKILL");
    await child.status;
  }
});

Deno.test("Reaper ends within its grace when it is stopped, and kills no child that was taken off", async () => {
  const reaper = new Reaper(silentLogger);
  const child = new Deno.Command("sleep", { args: ["600"], stdin: "null", stdout: "null" }).spawn();
  reaper.start();
  const pid = reaper.pid ?? 0;
  await reaper.add(child.pid);
  await reaper.remove(child.pid);
  await reaper.stop();
  assert.equal(isAlive(pid), false);
  assert.equal(isAlive(child.pid), true);
  child.kill("SIGKILL");
  await child.status;
});
