/** Finding and building with stand-ins for livekit-server and Go on a PATH of the test's own. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { createLogger, silentLogger } from "../../../core/lifecycle/logger.ts";
import { findLivekitServer, type FindServerOptions } from "../../../core/livekit/find_server.ts";

const SERVER_SCRIPT = '#!/bin/sh\necho "livekit-server version 1.13.5"\n';

interface Place extends AsyncDisposable {
  cacheDir: string;
  binDir: string;
  find(options?: Partial<FindServerOptions>): ReturnType<typeof findLivekitServer>;
  writeProgram(path: string, text: string): Promise<string>;
}

/** An empty cache, and a PATH with the system's tools but neither livekit-server nor Go. */
async function emptyPlace(): Promise<Place> {
  const root = await Deno.makeTempDir({ prefix: "greenroom-find-" });
  const [cacheDir, binDir] = [join(root, "cache"), join(root, "bin")];
  await Deno.mkdir(binDir);
  for (const tool of ["sh", "sleep", "cp", "chmod", "mkdir", "env"]) {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", `command -v ${tool}`], stdout: "piped" }).output();
    await Deno.symlink(new TextDecoder().decode(stdout).trim(), join(binDir, tool));
  }
  return {
    cacheDir,
    binDir,
    find: (options = {}) =>
      findLivekitServer({
        serverPath: null,
        cacheDir,
        buildTimeoutMs: 10_000,
        logger: silentLogger,
        env: { PATH: binDir },
        ...options,
      }),
    writeProgram: async (path, text) => {
      await Deno.mkdir(join(path, ".."), { recursive: true });
      await Deno.writeTextFile(path, text);
      await Deno.chmod(path, 0o700);
      return path;
    },
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

async function buildFolders(cacheDir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(cacheDir)) if (name.startsWith("build-")) names.push(name);
  return names;
}

Deno.test("findLivekitServer explains the three ways when there is neither a server nor Go", async () => {
  await using place = await emptyPlace();
  await assert.rejects(place.find(), /LIVEKIT_URL[^]*GREENROOM_LIVEKIT_SERVER[^]*install Go/);
});

Deno.test("findLivekitServer takes the given path, and nothing else when that does not run", async () => {
  await using place = await emptyPlace();
  const path = await place.writeProgram(join(place.binDir, "mine"), SERVER_SCRIPT);
  assert.deepEqual(await place.find({ serverPath: path }), { path, version: "1.13.5", source: "setting" });
  await place.writeProgram(join(place.binDir, "livekit-server"), SERVER_SCRIPT);
  await assert.rejects(place.find({ serverPath: "/nowhere/livekit-server" }), /GREENROOM_LIVEKIT_SERVER is \/nowhere/);
});

Deno.test("findLivekitServer prefers PATH to the cache, and passes over one that does not run", async () => {
  await using place = await emptyPlace();
  const cached = await place.writeProgram(join(place.cacheDir, "v1.13.5", "livekit-server"), SERVER_SCRIPT);
  assert.equal((await place.find()).source, "cache");
  const onPath = await place.writeProgram(join(place.binDir, "livekit-server"), SERVER_SCRIPT);
  assert.deepEqual(await place.find(), { path: onPath, version: "1.13.5", source: "PATH" });
  await place.writeProgram(onPath, "#!/bin/sh\nexit 1\n");
  assert.equal((await place.find()).path, cached);
});

Deno.test("findLivekitServer warns about a server older than 1.9", async () => {
  await using place = await emptyPlace();
  const lines: string[] = [];
  const logger = createLogger({ level: "warn", format: "json", write: (line) => lines.push(line) });
  await place.writeProgram(join(place.binDir, "livekit-server"), '#!/bin/sh\necho "livekit-server version 1.7.2"\n');
  await place.find({ logger });
  assert.match(lines.join(), /older than 1\.9/);
});

Deno.test("findLivekitServer builds once with Go and finds the result in the cache the next time", async () => {
  await using place = await emptyPlace();
  const go = join(place.binDir, "go");
  await place.writeProgram(
    go,
    `#!/bin/sh\n[ "$1 $2" = "install github.com/livekit/livekit-server/cmd/server@v1.13.5" ] || exit 9\n` +
      `printf '%s\\n' '#!/bin/sh' 'echo "livekit-server version 1.13.5"' > "$GOBIN/server"\nchmod 700 "$GOBIN/server"\n`,
  );
  const built = await place.find();
  assert.deepEqual([built.source, built.path], ["built", join(place.cacheDir, "v1.13.5", "livekit-server")]);
  assert.deepEqual(await buildFolders(place.cacheDir), []);
  await Deno.remove(go);
  assert.equal((await place.find()).source, "cache");
});

Deno.test("findLivekitServer says what Go wrote when the build fails", async () => {
  await using place = await emptyPlace();
  await place.writeProgram(join(place.binDir, "go"), "#!/bin/sh\necho 'module lookup disabled' >&2\nexit 1\n");
  await assert.rejects(place.find(), /building it failed[^]*module lookup disabled[^]*LIVEKIT_URL/);
  assert.deepEqual(await buildFolders(place.cacheDir), []);
});

Deno.test("findLivekitServer ends a build that takes too long, with all its processes", async () => {
  await using place = await emptyPlace();
  await place.writeProgram(join(place.binDir, "go"), "#!/bin/sh\nsleep 600 &\nsleep 600\n");
  await assert.rejects(place.find({ buildTimeoutMs: 50 }), /longer than 50 ms/);
});

Deno.test("findLivekitServer ends a build when it is aborted", async () => {
  await using place = await emptyPlace();
  await place.writeProgram(join(place.binDir, "go"), "#!/bin/sh\nsleep 600\n");
  const controller = new AbortController();
  const finding = place.find({ signal: controller.signal });
  controller.abort(new Error("stopped by the test"));
  await assert.rejects(finding, /stopped by the test/);
  assert.deepEqual(await buildFolders(place.cacheDir), []);
});
