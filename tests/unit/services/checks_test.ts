/** The judgements of doctor's checks, at their limits. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { formatCheck } from "../../../core/services/doctor.ts";
import { type CheckStatus, failedBy, formatBytes, within } from "../../../core/services/checks/check.ts";
import { checkDataDir, judgeDisk } from "../../../core/services/checks/data_dir_check.ts";
import { judge as judgeDatabase } from "../../../core/services/checks/database_check.ts";
import { checkUrl, judgeClock } from "../../../core/services/checks/livekit_check.ts";
import { cgroupAvailableBytes, judgeMemory } from "../../../core/services/checks/memory_check.ts";
import { checkSettings } from "../../../core/services/checks/settings_check.ts";
import { loadConfig } from "../../../core/config/config.ts";
import { openDataDir } from "../../../core/lifecycle/data_dir.ts";

const MIB = 1024 ** 2;

async function withTempDir(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "greenroom-doctor-" });
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("disk and memory are judged by what is left, and each shortage has a remedy", () => {
  const disk: [number, CheckStatus][] = [[255 * MIB, "failed"], [256 * MIB, "warn"], [2_047 * MIB, "warn"], [
    2_048 * MIB,
    "ok",
  ]];
  for (const [bytes, status] of disk) assert.equal(judgeDisk(bytes).status, status);
  const memory: [number, CheckStatus][] = [[191 * MIB, "failed"], [192 * MIB, "warn"], [511 * MIB, "warn"], [
    512 * MIB,
    "ok",
  ]];
  for (const [bytes, status] of memory) assert.equal(judgeMemory(bytes).status, status);
  for (const short of [judgeDisk(0), judgeMemory(0)]) assert.ok(short.remedy);
});

Deno.test("a container's limit is read from cgroup v2 and v1, and no limit is none", () =>
  withTempDir(async (root) => {
    assert.equal(await cgroupAvailableBytes(root), null);
    await Deno.mkdir(join(root, "memory"));
    await Deno.writeTextFile(join(root, "memory", "memory.limit_in_bytes"), "1000\n");
    await Deno.writeTextFile(join(root, "memory", "memory.usage_in_bytes"), "400\n");
    assert.equal(await cgroupAvailableBytes(root), 600);
    await Deno.writeTextFile(join(root, "memory.max"), "100\n");
    await Deno.writeTextFile(join(root, "memory.current"), "150\n");
    assert.equal(await cgroupAvailableBytes(root), 0);
    await Deno.remove(join(root, "memory"), { recursive: true });
    await Deno.writeTextFile(join(root, "memory.max"), "max\n");
    assert.equal(await cgroupAvailableBytes(root), null);
  }));

Deno.test("the clock may differ by seconds, is warned about beyond five, and fails beyond a minute, in both directions", () => {
  const cases: [number | null, CheckStatus][] = [[null, "skipped"], [0, "ok"], [5_000, "ok"], [5_001, "warn"]];
  cases.push([60_000, "warn"], [60_001, "failed"]);
  for (const [skew, status] of cases) {
    assert.equal(judgeClock(skew).status, status);
    if (skew !== null) assert.equal(judgeClock(-skew).status, status);
  }
});

Deno.test("a LiveKit URL with a path is warned about", () => {
  assert.equal(checkUrl("wss://a.example").status, "ok");
  assert.equal(checkUrl("wss://a.example/livekit").status, "warn");
});

Deno.test("a database is judged by version, migrations and sessions, each for itself", () => {
  const good = {
    version: "16.3",
    isRecentEnough: true,
    roundTripMs: 1,
    hasOwnSessions: true,
    pending: 0,
    newer: false,
  };
  const statuses = (changes: Partial<typeof good>) =>
    judgeDatabase({ ...good, ...changes }, "test").map(({ status }) => status);
  assert.deepEqual(statuses({}), ["ok", "ok", "ok", "ok"]);
  assert.deepEqual(statuses({ isRecentEnough: false }), ["ok", "failed", "ok", "ok"]);
  assert.deepEqual(statuses({ pending: 2 }), ["ok", "ok", "warn", "ok"]);
  assert.deepEqual(statuses({ newer: true }), ["ok", "ok", "warn", "ok"]);
  assert.deepEqual(statuses({ hasOwnSessions: false }), ["ok", "ok", "ok", "failed"]);
});

Deno.test("the settings' check names what is set but shows no value, and repeats corrections", () => {
  const result = loadConfig({ GREENROOM_API_KEY: "gr_0123456789abcdef", LIVEKIT_PUBLIC_URL: "http://a" }, "/");
  assert.ok(result.ok);
  const checks = checkSettings(result.loaded);
  assert.deepEqual(checks.map(({ status }) => status), ["ok", "warn"]);
  assert.match(checks[0]?.message ?? "", /2 set in the environment: GREENROOM_API_KEY, LIVEKIT_PUBLIC_URL/);
  assert.ok(!JSON.stringify(checks).includes("0123456789abcdef"));
});

Deno.test("the data directory's check makes nothing, finds who holds it, and names a file in its place", () =>
  withTempDir(async (root) => {
    const path = join(root, "deep", "data");
    const { results: [missing], holder } = await checkDataDir(path);
    assert.deepEqual([missing?.status, holder], ["ok", null]);
    assert.deepEqual([...Deno.readDirSync(root)], []);
    const dataDir = await openDataDir(path);
    const held = await checkDataDir(path);
    assert.equal(held.results[0]?.status, "ok");
    assert.match(held.holder ?? "", new RegExp(`^process ${Deno.pid}, running since`));
    dataDir.close();
    assert.equal((await checkDataDir(path)).holder, null);
    await Deno.writeTextFile(join(root, "file"), "");
    for (const wrong of ["file", "file/data"]) {
      const { results: [inTheWay] } = await checkDataDir(join(root, wrong));
      assert.equal(inTheWay?.status, "failed", wrong);
      assert.ok(inTheWay?.remedy);
    }
  }));

Deno.test("a result is one line, and a second one with the remedy", () => {
  assert.equal(formatCheck({ name: "disk", status: "ok", message: "much" }), "ok      disk                 much");
  const lines = formatCheck({ name: "disk", status: "failed", message: "full", remedy: "free some" }).split("\n");
  assert.deepEqual(lines, ["FAILED  disk                 full", "        → free some"]);
});

Deno.test("an exception becomes a failed result, with its own remedy when it has one", () => {
  assert.equal(failedBy("x", new Error("boom"), "do this").remedy, "do this");
  assert.equal(failedBy("x", Object.assign(new Error("boom"), { remedy: "do that" }), "do this").remedy, "do that");
  assert.equal(failedBy("x", "text", "do this").message, "text");
});

Deno.test("within gives the result in time, passes a failure on, and fails for what takes too long", async () => {
  assert.equal(await within(Promise.resolve(1), 60_000), 1);
  await assert.rejects(within(Promise.reject(new Error("own")), 60_000), /own/);
  await assert.rejects(within(new Promise(() => {}), 1), /no answer within 1 ms/);
});

Deno.test("formatBytes chooses a unit that reads well", () => {
  const cases: [number, string][] = [[0, "0 bytes"], [1_023, "1023 bytes"], [1_024, "1 KiB"], [
    1.5 * 1024 ** 3,
    "1.5 GiB",
  ]];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});
