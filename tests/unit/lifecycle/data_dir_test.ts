import assert from "node:assert/strict";
import { join } from "node:path";
import { DataDirError, explainDataDirError, openDataDir } from "../../../core/lifecycle/data_dir.ts";

async function withTempDir(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "greenroom-test-" });
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

async function mode(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}

async function refusal(opening: Promise<unknown>): Promise<DataDirError> {
  const error = await opening.then(() => null, (thrown) => thrown);
  assert.ok(error instanceof DataDirError, `expected a DataDirError, got ${error}`);
  assert.ok(error.remedy.length > 0);
  return error;
}

Deno.test("openDataDir creates a directory that only its user can enter, with the directories above it", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(join(temp, "a", "b"));
    assert.equal(await mode(join(temp, "a", "b")), 0o700);
    assert.equal(dataDir.previousInstanceId, null);
    dataDir.close();
  }));

Deno.test("openDataDir takes others' permissions away when the directory exists with more", () =>
  withTempDir(async (temp) => {
    await Deno.chmod(temp, 0o775);
    const dataDir = await openDataDir(temp);
    assert.equal(await mode(temp), 0o710);
    dataDir.close();
  }));

Deno.test("openDataDir leaves the permissions of a directory with other things in it as they are", () =>
  withTempDir(async (temp) => {
    await Deno.writeTextFile(join(temp, "something-else"), "");
    await Deno.chmod(temp, 0o755);
    (await openDataDir(temp)).close();
    assert.equal(await mode(temp), 0o755);
  }));

Deno.test("openDataDir refuses and names the holder when the directory is open already", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(temp);
    const error = await refusal(openDataDir(temp));
    assert.equal(error.code, "in_use");
    assert.match(error.message, new RegExp(`process ${Deno.pid}, running since 20\\d\\d-`));
    assert.match(error.remedy, /GREENROOM_DATA_DIR/);
    dataDir.close();
    (await openDataDir(temp)).close();
  }));

Deno.test("openDataDir gets the lock at once when its holder was killed -9", () =>
  withTempDir(async (temp) => {
    const script = join(temp, "holder.ts");
    const source = new URL("../../../core/lifecycle/data_dir.ts", import.meta.url).href;
    await Deno.writeTextFile(
      script,
      `import { openDataDir } from ${JSON.stringify(source)};
       await openDataDir(Deno.args[0]!);
       console.log("held");
       setInterval(() => {}, 1000);`,
    );
    const path = join(temp, "data");
    const holder = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-config", script, path],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    try {
      const reader = holder.stdout.getReader();
      await reader.read();
      await reader.cancel();
      assert.match((await refusal(openDataDir(path))).message, new RegExp(`process ${holder.pid},`));
    } finally {
      holder.kill("SIGKILL");
      await holder.status;
    }
    (await openDataDir(path)).close();
  }));

Deno.test("openDataDir shows the last recorded instance until another one is recorded", () =>
  withTempDir(async (temp) => {
    for (const [seen, recorded] of [[null, "one"], ["one", null], ["one", "two"], ["two", null]]) {
      const dataDir = await openDataDir(temp);
      assert.equal(dataDir.previousInstanceId, seen);
      if (recorded) await dataDir.recordInstance(recorded);
      dataDir.close();
    }
  }));

Deno.test("DataDir.secret makes a secret once, readable by its user only", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(temp);
    assert.equal(await dataDir.secret("api-key", () => "first"), "first");
    assert.equal(await dataDir.secret("api-key", () => "second"), "first");
    assert.equal(await mode(join(temp, "api-key")), 0o600);
    await Deno.chmod(join(temp, "api-key"), 0o644);
    assert.equal(await dataDir.secret("api-key", () => "third"), "first");
    assert.equal(await mode(join(temp, "api-key")), 0o600);
    const names = [...Deno.readDirSync(temp)].map((entry) => entry.name).sort();
    assert.deepEqual(names, ["api-key", "lock"]);
    dataDir.close();
  }));

Deno.test("DataDir.secret stores nothing when making the secret throws", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(temp);
    const refused = new Error("not now");
    await assert.rejects(
      dataDir.secret("api-key", () => {
        throw refused;
      }),
      refused,
    );
    assert.equal(await dataDir.secret("api-key", () => "later"), "later");
    dataDir.close();
  }));

Deno.test("DataDir refuses names that would leave the directory or hit its own files", () =>
  withTempDir(async (temp) => {
    const dataDir = await openDataDir(temp);
    for (const name of ["../x", "a/b", "", ".hidden", "lock", "instance"]) {
      await assert.rejects(dataDir.secret(name, () => "x"), TypeError);
      await assert.rejects(dataDir.subdir(name), TypeError);
    }
    assert.equal(await mode(await dataDir.subdir("cache")), 0o700);
    dataDir.close();
  }));

Deno.test("openDataDir says so when a file is in the directory's place or on the way to it", () =>
  withTempDir(async (temp) => {
    await Deno.writeTextFile(join(temp, "file"), "");
    assert.equal((await refusal(openDataDir(join(temp, "file")))).code, "not_a_directory");
    assert.equal((await refusal(openDataDir(join(temp, "file", "data")))).code, "not_a_directory");
  }));

Deno.test({
  name: "openDataDir says so when the user may not write there",
  ignore: Deno.uid() === 0, // Root may write everywhere.
  fn: () =>
    withTempDir(async (temp) => {
      await Deno.chmod(temp, 0o500);
      assert.equal((await refusal(openDataDir(join(temp, "data")))).code, "not_writable");
      assert.equal((await refusal(openDataDir(temp))).code, "not_writable");
      await Deno.chmod(temp, 0o700);
    }),
});

Deno.test({
  name: "explainDataDirError tells a full disk from its system error",
  ignore: Deno.build.os !== "linux", // /dev/full
  fn: async () => {
    const thrown = await Deno.writeTextFile("/dev/full", "x").then(() => null, (error) => error);
    const explained = explainDataDirError("/data", thrown);
    assert.ok(explained instanceof DataDirError);
    assert.equal(explained.code, "disk_full");
    assert.equal(explained.cause, thrown);
  },
});
