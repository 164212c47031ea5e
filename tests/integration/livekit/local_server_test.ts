import assert from "node:assert/strict";
import { join } from "node:path";
import { silentLogger } from "../../../core/lifecycle/logger.ts";
import { LocalLivekitServer, type LocalServerOptions } from "../../../core/livekit/local_server.ts";
import { createServerApi } from "../../../core/livekit/server_api.ts";
import { eventually } from "../../support/eventually.ts";
import { testServerProgram } from "../../support/livekit.ts";

const CREDENTIALS = { apiKey: "key", apiSecret: "0123456789abcdef0123456789abcdef" };

interface Running extends AsyncDisposable {
  server: LocalLivekitServer;
  dataDir: string;
  pid: number;
  controller: AbortController;
  /** Settles with the error that `run` threw, or null. */
  ended: Promise<Error | null>;
}

async function startLocal(options: Partial<LocalServerOptions> = {}): Promise<Running> {
  const dataDir = await Deno.makeTempDir({ prefix: "greenroom-local-livekit-" });
  const server = new LocalLivekitServer({
    ...testServerProgram(),
    ...CREDENTIALS,
    dataDir,
    preferredPort: null,
    logger: silentLogger,
    ...options,
  });
  const controller = new AbortController();
  try {
    await server.start(controller.signal);
  } catch (error) {
    await Deno.remove(dataDir, { recursive: true });
    throw error;
  }
  const ended = server.run(controller.signal).then(() => null, (error: Error) => error);
  return {
    server,
    dataDir,
    pid: server.snapshot().pid ?? -1,
    controller,
    ended,
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await ended;
      await Deno.remove(dataDir, { recursive: true });
    },
  };
}

async function isGone(pid: number): Promise<boolean> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => null);
  return stat === null || /\) Z /.test(stat); // a zombie waits for its new parent only
}

/** Local addresses, in hexadecimal, of the sockets that a process listens on (TCP) or has bound (UDP). */
async function listeningAddresses(pid: number): Promise<string[]> {
  const inodes = new Set<string>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const addresses: string[] = [];
  for (const table of ["tcp", "tcp6", "udp", "udp6"]) {
    const text = await Deno.readTextFile(`/proc/${pid}/net/${table}`).catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const isListening = table.startsWith("udp") || state === "0A";
      if (local !== undefined && inode !== undefined && isListening && inodes.has(inode)) {
        addresses.push(`${table} ${local}`);
      }
    }
  }
  return addresses;
}

Deno.test("LocalLivekitServer is ready with our keys when start resolves", async () => {
  await using running = await startLocal();
  const health = await createServerApi({ url: running.server.url, ...CREDENTIALS, timeoutMs: 5_000 }).checkHealth();
  assert.equal(health.ok, true);
  assert.match(running.server.url, /^ws:\/\/127\.0\.0\.1:\d+$/);
});

Deno.test({
  name: "LocalLivekitServer listens on loopback only, by TCP and UDP",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using running = await startLocal();
    const addresses = await listeningAddresses(running.pid);
    assert.ok(
      addresses.some((address) => address.startsWith("tcp")) && addresses.some((address) => address.startsWith("udp")),
    );
    const outside = addresses.filter((address) => !/ 0100007F:| 0{24}01000000:| 0{16}FFFF00000100007F:/.test(address));
    assert.deepEqual(outside, []);
  },
});

Deno.test("LocalLivekitServer keeps its secret off the command line, in a file that only we can read", async () => {
  await using running = await startLocal();
  const path = join(running.dataDir, "livekit", "server.yaml");
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  assert.ok((await Deno.readTextFile(path)).includes(CREDENTIALS.apiSecret));
  for (const file of ["cmdline", "environ"]) {
    const text = await Deno.readTextFile(`/proc/${running.pid}/${file}`).catch(() => "");
    assert.ok(!text.includes(CREDENTIALS.apiSecret), file);
  }
});

Deno.test("LocalLivekitServer throws from run when the server dies, and starts again on the same ports", async () => {
  await using running = await startLocal();
  const before = running.server.snapshot();
  Deno.kill(running.pid, "SIGKILL");
  assert.match((await running.ended)?.message ?? "", /ended \(SIGKILL\)/);
  await running.server.start(running.controller.signal);
  const again = running.server.run(running.controller.signal);
  const after = running.server.snapshot();
  assert.deepEqual([after.port, after.udpPort, after.starts], [before.port, before.udpPort, 2]);
  assert.notEqual(after.pid, before.pid);
  running.controller.abort();
  await again;
  assert.ok(await isGone(after.pid ?? -1));
});

Deno.test("LocalLivekitServer is gone when run has returned after an abort", async () => {
  await using running = await startLocal();
  running.controller.abort();
  assert.equal(await running.ended, null);
  assert.ok(await isGone(running.pid));
});

Deno.test("LocalLivekitServer takes another port when the preferred one is in use", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using running = await startLocal({ preferredPort: listener.addr.port });
  assert.notEqual(running.server.snapshot().port, listener.addr.port);
  listener.close();
});

Deno.test("LocalLivekitServer dies with our process when that is killed with SIGKILL", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "greenroom-local-livekit-" });
  const holder = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("../../support/livekit_holder.ts", import.meta.url).pathname, dataDir],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { value } = await holder.stdout.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .values().next();
  const pid = Number(value);
  assert.ok(pid > 0 && !await isGone(pid));
  holder.kill("SIGKILL");
  await holder.status;
  await eventually(() => isGone(pid), { what: "the end of the LiveKit server" });
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("LocalLivekitServer says what the server wrote when it ends at once", async () => {
  const program = await Deno.makeTempFile();
  await Deno.writeTextFile(
    program,
    '#!/bin/sh\n[ "$1" = --version ] && echo "livekit-server version 1.13.5" && exit 0\necho "no luck today"\nexit 7\n',
  );
  await Deno.chmod(program, 0o700);
  await assert.rejects(startLocal({ serverPath: program }), /ended at once \(code 7\)[^]*no luck today/);
  await Deno.remove(program);
});

Deno.test("LocalLivekitServer leaves nothing behind when it is aborted while starting", async () => {
  const dataDir = await Deno.makeTempDir();
  const program = join(dataDir, "server");
  await Deno.writeTextFile(
    program,
    `#!/bin/sh\n[ "$1" = --version ] && exit 0\necho $$ > ${dataDir}/pid\nexec sleep 600\n`,
  );
  await Deno.chmod(program, 0o700);
  const controller = new AbortController();
  const starting = startAborted({ dataDir, program, signal: controller.signal });
  const pid = Number(await eventually(() => Deno.readTextFile(join(dataDir, "pid"))));
  controller.abort();
  await assert.rejects(starting);
  await eventually(() => isGone(pid));
  await Deno.remove(dataDir, { recursive: true });
});

function startAborted(
  { dataDir, program, signal }: { dataDir: string; program: string; signal: AbortSignal },
): Promise<void> {
  const server = new LocalLivekitServer({
    ...testServerProgram(),
    ...CREDENTIALS,
    serverPath: program,
    dataDir,
    preferredPort: null,
    logger: silentLogger,
  });
  return server.start(signal);
}
