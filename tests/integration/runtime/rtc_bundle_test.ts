import assert from "node:assert/strict";
import { PROJECT_DIR, spawnChild } from "../../../core/runtime/spawn_child.ts";
import { writeRtcBundle } from "../../../core/runtime/rtc_bundle.ts";
import { SlotProcess } from "../../../core/runtime/slot_process.ts";
import { jobOf, RememberingObserver, startRuntime, testAgent } from "../../support/runtime_fixture.ts";

/** What an agent says of its rtc-node, in a process that was given this file. */
async function askAgent(rtcBundle: string): Promise<unknown> {
  await using runtime = await startRuntime();
  const { environment } = runtime;
  const { name, file: agentFile, osPermissions } = testAgent("imports_rtc");
  const limits = { rtcLogs: false, connectTimeoutMs: 5_000, maxLogLines: 1_000 };
  const args = { agentFile, jobsAtOnce: 1, prime: true, ...limits };
  const child = spawnChild({ ...environment, rtcBundle }, { entry: "slot", args }, osPermissions);
  const { logger } = environment;
  const process = new SlotProcess({ agent: name, child, isCold: true, loadTimeoutMs: 30_000, logger });
  const observer = new RememberingObserver();
  assert.deepEqual(await process.open().run(jobOf(name), observer), {
    outcome: "succeeded",
    endReason: "entry_returned",
  });
  return observer.lines.find(({ message }) => message === "rtc-node")?.fields;
}

Deno.test("writeRtcBundle writes a file that is the same for the same packages, and writes it once", async () => {
  const path = await writeRtcBundle(PROJECT_DIR);
  const { mtime } = await Deno.stat(path);
  assert.equal(await writeRtcBundle(PROJECT_DIR), path);
  assert.deepEqual((await Deno.stat(path)).mtime, mtime);
});

Deno.test("a slot's process loads rtc-node from its one file, the same for whoever imports it, and without pino", async () => {
  assert.deepEqual(await askAgent(await writeRtcBundle(PROJECT_DIR)), { isSame: true, hasPino: false });
});

Deno.test("a slot's process loads rtc-node module by module when its one file is gone", async () => {
  assert.deepEqual(await askAgent("/nonexistent/rtc-node.cjs"), { isSame: true, hasPino: true });
});
