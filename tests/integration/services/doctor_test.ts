/** Doctor against a real database, a real LiveKit server and real agent files: healthy, and with one thing wrong at a time. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig } from "../../../core/config/config.ts";
import { openDataDir } from "../../../core/lifecycle/data_dir.ts";
import { createLogger, silentLogger } from "../../../core/lifecycle/logger.ts";
import { PROJECT_DIR } from "../../../core/runtime/spawn_child.ts";
import type { CheckResult } from "../../../core/services/checks/check.ts";
import { runChecks, runDoctor } from "../../../core/services/doctor.ts";
import { diagnoseDatabase } from "../../../db/diagnose.ts";
import { EmbeddedPostgres } from "../../../db/embedded.ts";
import { startFakeLivekit } from "../../support/fake_livekit_server.ts";
import { startTestLivekit, type TestLivekit } from "../../support/livekit.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const AGENTS = join(PROJECT_DIR, "tests", "support", "agents");
/** The settings of the proxy that this process may have don't count. */
const readEnv = (name: string) => /proxy/i.test(name) ? undefined : Deno.env.get(name);

let postgres: TestPostgres;
let livekit: TestLivekit;
let root: string;

Deno.test.beforeAll(async () => {
  [postgres, livekit] = await Promise.all([startTestPostgres(), startTestLivekit()]);
});
Deno.test.afterAll(() => Promise.all([postgres.stop(), livekit.stop()]).then(() => {}));
Deno.test.beforeEach(async () => {
  root = await makeTestDir();
});
Deno.test.afterEach(() => Deno.remove(root, { recursive: true }));

/** A folder with copies of these agents of tests/support. */
async function agentsDir(...names: string[]): Promise<string> {
  const folder = join(root, "agents");
  await Deno.mkdir(folder, { recursive: true });
  for (const name of names) await Deno.copyFile(join(AGENTS, `${name}.ts`), join(folder, `${name}.ts`));
  return folder;
}

async function contextOf(env: Record<string, string>) {
  const folder = await agentsDir();
  const result = loadConfig({
    PORT: "0",
    GREENROOM_DATA_DIR: join(root, "data"),
    GREENROOM_AGENTS_DIR: folder,
    LIVEKIT_REQUEST_TIMEOUT_MS: "2000",
    DATABASE_CONNECT_TIMEOUT_MS: "2000",
    ...env,
  }, PROJECT_DIR);
  assert.ok(result.ok);
  return { loaded: result.loaded, projectDir: PROJECT_DIR, readEnv };
}

async function check(env: Record<string, string>): Promise<Map<string, CheckResult>> {
  const results = await Array.fromAsync(runChecks(await contextOf(env)));
  for (const { status, remedy, name } of results) {
    if (status === "failed" || status === "warn") assert.ok(remedy, `${name} says what to do`);
  }
  return new Map(results.map((result) => [result.name, result]));
}

function statusOf(results: Map<string, CheckResult>, ...names: string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, results.get(name)?.status]));
}

const LIVEKIT_CHECKS = ["LiveKit reach", "LiveKit credentials", "LiveKit clock", "LiveKit agent grant"];

function livekitEnv(changes: Record<string, string> = {}): Record<string, string> {
  const { url, apiKey, apiSecret } = livekit;
  return { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, ...changes };
}

Deno.test("doctor finds a healthy installation healthy, and changes nothing", async () => {
  await agentsDir("idle");
  const results = await check(livekitEnv());
  for (const { name, status, message } of results.values()) assert.equal(status, "ok", `${name}: ${message}`);
  assert.deepEqual(statusOf(results, ...LIVEKIT_CHECKS, "agent idle.ts"), {
    ...Object.fromEntries(LIVEKIT_CHECKS.map((name) => [name, "ok"])),
    "agent idle.ts": "ok",
  });
  assert.deepEqual([...Deno.readDirSync(root)].map(({ name }) => name), ["agents"]);
});

Deno.test("doctor names a wrong API secret in both places where it matters, and shows it in none", async () => {
  const secret = "not-the-secret-of-that-server-0123456789";
  const results = await check(livekitEnv({ LIVEKIT_API_SECRET: secret }));
  assert.deepEqual(statusOf(results, ...LIVEKIT_CHECKS), {
    "LiveKit reach": "ok",
    "LiveKit credentials": "failed",
    "LiveKit clock": "ok",
    "LiveKit agent grant": "failed",
  });
  assert.match(results.get("LiveKit agent grant")?.message ?? "", /key or secret/);
  assert.ok(!JSON.stringify([...results.values()]).includes(secret));
});

Deno.test("doctor tells an unknown name, a closed port and a missing certificate apart, and skips what depends on it", async () => {
  const { port } = new URL(livekit.url);
  const cases = [["ws://no-such-host.invalid", /DNS/], ["ws://127.0.0.1:9", /TCP/], [`wss://127.0.0.1:${port}`, /TLS/]];
  for (const [url, expected] of cases as [string, RegExp][]) {
    const results = await check(livekitEnv({ LIVEKIT_URL: url }));
    assert.equal(results.get("LiveKit reach")?.status, "failed");
    assert.match(results.get("LiveKit reach")?.message ?? "", expected);
    assert.deepEqual(Object.values(statusOf(results, ...LIVEKIT_CHECKS.slice(1))), ["skipped", "skipped", "skipped"]);
  }
});

Deno.test("doctor finds a clock that differs by more than a minute", async () => {
  await using server = startFakeLivekit({
    handshakeStatus: 401,
    probeStatus: 404,
    date: new Date(Date.now() + 120_000),
  });
  const results = await check(livekitEnv({ LIVEKIT_URL: server.url }));
  assert.equal(results.get("LiveKit clock")?.status, "failed");
  assert.match(results.get("LiveKit agent grant")?.message ?? "", /clock differs/);
});

Deno.test("doctor says that a database by DATABASE_URL does not answer, and shows no password", async () => {
  const gone = await check(livekitEnv({ DATABASE_URL: "postgres://user:s3cret@127.0.0.1:9/db" }));
  assert.deepEqual(statusOf(gone, "database", "migrations"), { database: "failed", migrations: "skipped" });
  assert.ok(!JSON.stringify([...gone.values()]).includes("s3cret"));
});

Deno.test("diagnoseDatabase tells a migrated database from an empty one, and changes neither", async () => {
  const { database, drop } = await postgres.createTestDatabase();
  try {
    const { pending, newer, isRecentEnough, hasOwnSessions } = await diagnoseDatabase(database);
    assert.deepEqual([pending, newer, isRecentEnough, hasOwnSessions], [0, false, true, true]);
    await database.sql`drop schema drizzle cascade`;
    for (let i = 0; i < 2; i++) assert.ok((await diagnoseDatabase(database)).pending > 0);
  } finally {
    await drop();
  }
});

Deno.test("doctor starts an embedded database that was made before, and stops it; not one that is in use", async () => {
  const dataDir = await openDataDir(join(root, "data"));
  const held = await check(livekitEnv());
  assert.equal(held.get("database")?.status, "skipped");
  assert.match(held.get("database")?.message ?? "", new RegExp(`process ${Deno.pid}`));
  const embedded = new EmbeddedPostgres({ dataDir, logger: silentLogger, durable: false });
  await embedded.start(new AbortController().signal);
  await embedded.stop();
  dataDir.close();
  for (let i = 0; i < 2; i++) {
    const results = await check(livekitEnv());
    const expected = { database: "ok", "database version": "ok", migrations: "warn", "database sessions": "ok" };
    assert.deepEqual(statusOf(results, ...Object.keys(expected)), expected);
  }
});

Deno.test("doctor names each agent file that does not load, with its error", async () => {
  await agentsDir("idle", "throws_at_load");
  const results = await check(livekitEnv());
  assert.deepEqual(statusOf(results, "agent idle.ts", "agent throws_at_load.ts"), {
    "agent idle.ts": "ok",
    "agent throws_at_load.ts": "failed",
  });
});

Deno.test("doctor tells a port that Greenroom itself has from one that another program has", async () => {
  for (const [body, status] of [["hello", "failed"], ['{"status":"alive","version":"9","phase":"running"}', "ok"]]) {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response(body));
    const results = await check(livekitEnv({ PORT: String(server.addr.port) }));
    assert.equal(results.get("port")?.status, status);
  }
});

Deno.test("doctor says which LiveKit server a start would use, without building one", async () => {
  const missing = await check({ GREENROOM_LIVEKIT_SERVER: join(root, "missing") });
  assert.equal(missing.get("LiveKit server")?.status, "failed");
  assert.match(missing.get("LiveKit server")?.remedy ?? "", /LIVEKIT_URL/);
});

Deno.test("runDoctor prints every check and a summary, and its exit code says whether one failed", async () => {
  const run = async (env: Record<string, string>) => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", format: "text", write: (line) => void lines.push(line) });
    return { code: await runDoctor({ ...await contextOf(env), logger }), text: lines.join("\n") };
  };
  const healthy = await run(livekitEnv());
  assert.equal(healthy.code, 0);
  assert.match(healthy.text, /ok {6}LiveKit credentials/);
  const sick = await run(livekitEnv({ LIVEKIT_URL: "ws://127.0.0.1:9" }));
  assert.equal(sick.code, 1);
  assert.match(sick.text, /FAILED {2}LiveKit reach[^]*→[^]*1 failed, 3 skipped/);
});
