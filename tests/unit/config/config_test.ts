import assert from "node:assert/strict";
import fc from "fast-check";
import { type ConfigResult, formatProblems, loadConfig } from "../../../core/config/config.ts";
import { type Setting, type SettingName, SETTINGS } from "../../../core/config/settings.ts";

const BASE = "/project";

/** For each setting one text that is good, what it means, and texts that are refused. */
const EXAMPLES: Record<SettingName, { good: [string, unknown][]; bad: string[] }> = {
  host: { good: [["0.0.0.0", "0.0.0.0"]], bad: [] },
  port: { good: [["0", 0], ["65535", 65_535]], bad: ["-1", "65536", "http", "80.5", "1e3"] },
  dataDir: { good: [["/var/lib/gr", "/var/lib/gr"], ["data", "/project/data"]], bad: [] },
  agentsDir: { good: [["/srv/agents", "/srv/agents"], ["../agents", "/agents"]], bad: [] },
  apiKey: { good: [["0123456789abcdef", "0123456789abcdef"]], bad: ["short", "0123456789 abcdef", "é".repeat(20)] },
  allowedHosts: {
    good: [["gr.example.com", ["gr.example.com"]], ["a.example,b.example", ["a.example", "b.example"]]],
    bad: ["https://gr.example.com", "a b"],
  },
  sessionIdleMs: range(1_000, 2_592_000_000),
  sessionMaxMs: range(1_000, 31_536_000_000),
  logLevel: { good: [["debug", "debug"], ["error", "error"]], bad: ["DEBUG", "trace"] },
  logFormat: { good: [["json", "json"], ["text", "text"]], bad: ["xml"] },
  livekitUrl: {
    good: [["wss://a.example", "wss://a.example"], ["http://a:7880/", "ws://a:7880"], ["https://a", "wss://a"]],
    bad: ["a.example", "localhost:7880", "ftp://a", "ws://", "ws:// a b"],
  },
  livekitApiKey: { good: [["key", "key"]], bad: [] },
  livekitApiSecret: { good: [["secret", "secret"]], bad: [] },
  livekitPublicUrl: { good: [["wss://b.example/", "wss://b.example"]], bad: ["b.example"] },
  livekitServerPath: { good: [["/opt/livekit-server", "/opt/livekit-server"]], bad: [] },
  livekitBuildTimeoutMs: range(1_000, 3_600_000),
  livekitHandshakeTimeoutMs: range(100, 600_000),
  livekitPingIntervalMs: range(100, 60_000),
  livekitReconnectFirstMs: range(1, 60_000),
  livekitReconnectMaxMs: range(1, 600_000),
  livekitHealthIntervalMs: range(100, 600_000),
  livekitRequestTimeoutMs: range(100, 120_000),
  livekitWsDebug: { good: [["1", true], ["true", true], ["0", false], ["false", false]], bad: ["yes", "on", "2"] },
  databaseUrl: {
    good: [["postgres://u:p@h:5432/d", "postgres://u:p@h:5432/d"], ["postgresql://h/d", "postgresql://h/d"]],
    bad: ["mysql://h/d", "h:5432/d", "postgres://[bad"],
  },
  databasePoolSize: range(2, 100),
  databaseConnectTimeoutMs: range(100, 120_000),
  statementTimeoutMs: range(100, 600_000),
  readTimeoutMs: range(50, 600_000),
  maxConcurrentJobs: range(1, 10_000),
  loadCalculator: { good: [["weighted", "weighted"], ["predictive", "predictive"]], bad: ["custom", "cpu"] },
  maxCpuPercent: range(1, 100),
  maxMemoryMb: range(128, 16_777_216),
  maxProcesses: range(1, 100_000),
  maxOpenFiles: range(64, 10_000_000),
  warmSlots: range(0, 100),
  maxWarmSlots: range(0, 1_000),
  inlineAgents: { good: [["echo", ["echo"]], ["a, b.c", ["a", "b.c"]]], bad: ["-a", "a b"] },
  jobMemoryLimitMb: range(0, 1_048_576),
  jobHeapLimitMb: range(0, 1_048_576),
  processMaxJobs: range(1, 1_000_000),
  processMaxGrowthMb: range(1, 1_048_576),
  minFreeMemoryMb: range(0, 1_048_576),
  spareProcesses: range(0, 100),
  watchAgents: { good: [["auto", "auto"], ["1", "1"], ["0", "0"]], bad: ["true"] },
  maxCheckpointBytes: range(0, 1_000_000),
  slotStartTimeoutMs: range(500, 600_000),
  hostTimeoutMs: range(100, 60_000),
  validateTimeoutMs: range(10, 60_000),
  connectTimeoutMs: range(100, 600_000),
  shutdownGraceMs: range(0, 600_000),
  aloneTimeoutMs: range(0, 604_800_000),
  recoveryMaxAttempts: range(1, 1_000),
  recoveryMaxAgeMs: range(0, 604_800_000),
  recoveryStableMs: range(0, 604_800_000),
  breakerThreshold: range(0, 1_000),
  neverConnectedMs: range(100, 600_000),
  neverReadyMs: range(100, 3_600_000),
  enteredTimeoutMs: range(0, 3_600_000),
  connectedTimeoutMs: range(0, 86_400_000),
  readyTimeoutMs: range(0, 86_400_000),
  livekitAssignTimeoutMs: range(1_000, 60_000),
  drainTimeoutMs: range(0, 86_400_000),
  rtcLogs: { good: [["1", true], ["0", false]], bad: ["maybe"] },
  maxBodyBytes: range(1_024, 67_108_864),
  maxMetadataBytes: range(0, 524_288),
  queueCapacity: range(1, 1_000_000),
  bulkMaxItems: range(1, 100_000),
  bulkItemsPerSecond: range(1, 200),
  rateGlobalPerSecond: range(0, 100_000),
  rateGlobalBurst: range(1, 100_000),
  rateRoomPerSecond: range(0, 100_000),
  rateRoomBurst: range(1, 100_000),
  rateKeyPerSecond: range(0, 100_000),
  rateKeyBurst: range(1, 100_000),
  claimPollMs: range(10, 60_000),
  notify: { good: [["1", true], ["0", false]], bad: ["maybe"] },
  region: { good: [["eu-west", "eu-west"]], bad: [] },
  zone: { good: [["eu-west-1a", "eu-west-1a"]], bad: [] },
  regionGraceMs: range(0, 600_000),
  rulesPollMs: range(100, 3_600_000),
  maxWaiters: range(1, 100_000),
  maxLogLinesPerJob: range(0, 1_000_000),
  maxSseClients: range(1, 100_000),
  databaseSilenceMs: range(100, 60_000),
  databaseAwayMs: range(100, 60_000),
  spoolMaxBytes: range(65_536, 10_737_418_240),
  retentionDays: range(1, 3_650),
};

function range(min: number, max: number): { good: [string, unknown][]; bad: string[] } {
  return {
    good: [[String(min), min], [String(max), max]],
    bad: [String(min - 1), String(max + 1), "many", "1.5", "0x10", `${min} `.repeat(2)],
  };
}

const entries = Object.entries(SETTINGS) as [SettingName, Setting<unknown>][];
const CREDENTIALS = { LIVEKIT_API_KEY: "key", LIVEKIT_API_SECRET: "secret" };

function load(env: Record<string, string>): ConfigResult {
  return loadConfig({ ...CREDENTIALS, ...env }, BASE);
}

function loaded(env: Record<string, string>) {
  const result = load(env);
  assert.ok(result.ok, result.ok ? "" : formatProblems(result.problems));
  return result.loaded;
}

function problems(env: Record<string, string | undefined>) {
  const result = loadConfig(env, BASE);
  assert.equal(result.ok, false);
  return result.ok ? [] : result.problems;
}

for (const [name, { env, default: fallback }] of entries) {
  const isPath = name === "dataDir" || name === "agentsDir";

  Deno.test(`${env} is read when it is good, and refused with a remedy that names it when it is not`, () => {
    for (const [text, value] of EXAMPLES[name].good) {
      const { config, sources } = loaded({ [env]: text });
      assert.deepEqual(config[name], value, text);
      assert.equal(sources[name], "environment");
    }
    for (const text of EXAMPLES[name].bad) {
      const [problem, ...others] = problems({ ...CREDENTIALS, [env]: text });
      assert.deepEqual(others, [], text);
      assert.equal(problem?.env, env);
      assert.match(problem.remedy, new RegExp(env));
    }
  });

  Deno.test(`${env} has its default when it is missing, empty or blank`, () => {
    for (const given of [{}, { [env]: "" }, { [env]: "  \t" }]) {
      const result = loadConfig(given, BASE);
      assert.ok(result.ok);
      assert.equal(result.loaded.config[name], isPath ? `${BASE}/${fallback}` : fallback);
      assert.equal(result.loaded.sources[name], "default");
    }
  });
}

Deno.test("loadConfig reports all problems at once, each with its own remedy", () => {
  const found = problems({ PORT: "web", GREENROOM_LOG_LEVEL: "loud", MAX_CONCURRENT_JOBS: "0", DATABASE_URL: "x" });
  assert.deepEqual(found.map(({ env }) => env), ["PORT", "GREENROOM_LOG_LEVEL", "DATABASE_URL", "MAX_CONCURRENT_JOBS"]);
  const text = formatProblems(found);
  for (const { env, problem, remedy } of found) {
    assert.ok(text.includes(`${env}: ${problem}`));
    assert.ok(text.includes(remedy));
  }
  assert.match(text, /4 settings are wrong/);
  assert.match(formatProblems(found.slice(1, 2)), /1 setting is wrong/);
});

Deno.test("loadConfig shows a bad value, shortened, but never that of a secret", () => {
  const shown = problems({ GREENROOM_LOG_LEVEL: `loud${"!".repeat(200)}` })[0]?.problem ?? "";
  assert.match(shown, /loud!!!/);
  assert.ok(shown.length < 200);
  for (const [, { env }] of entries.filter(([, { secret }]) => secret)) {
    const secret = "se cret-va1ue";
    const result = loadConfig({ [env]: secret }, BASE);
    if (!result.ok) assert.ok(!formatProblems(result.problems).includes("va1ue"), env);
  }
});

Deno.test("the secrets are known as such: everything that opens LiveKit, the database or the API", () => {
  const secrets = entries.filter(([, { secret }]) => secret).map(([name]) => name);
  assert.deepEqual(secrets.toSorted(), ["apiKey", "databaseUrl", "livekitApiSecret"]);
});

Deno.test("loadConfig notes that an http URL was read as ws, and no other correction", () => {
  const { config, notes } = loaded({ LIVEKIT_URL: "https://a.example/", LIVEKIT_PUBLIC_URL: "wss://b.example" });
  assert.equal(config.livekitUrl, "wss://a.example");
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? "", /LIVEKIT_URL .* wss:\/\/a\.example/);
});

Deno.test("loadConfig refuses LIVEKIT_URL without scheme and shows the right form", () => {
  assert.match(problems({ LIVEKIT_URL: "livekit.example.com" })[0]?.problem ?? "", /wss:\/\/livekit\.example\.com/);
});

Deno.test("loadConfig refuses LIVEKIT_URL without its key and secret, which may be set without it", () => {
  const url = { LIVEKIT_URL: "ws://a" };
  assert.deepEqual(problems(url).map(({ env }) => env), ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"]);
  assert.deepEqual(problems({ ...url, LIVEKIT_API_KEY: "k" }).map(({ env }) => env), ["LIVEKIT_API_SECRET"]);
  assert.ok(loadConfig(CREDENTIALS, BASE).ok);
});

Deno.test("loadConfig gives a frozen config, in which each variable stands for one setting", () => {
  assert.ok(Object.isFrozen(loaded({}).config));
  assert.equal(new Set(entries.map(([, { env }]) => env)).size, entries.length);
});

Deno.test("loadConfig never throws, whatever the environment holds", () => {
  const anyEnv = fc.dictionary(fc.constantFrom(...entries.map(([, { env }]) => env)), fc.string({ unit: "binary" }));
  fc.assert(fc.property(anyEnv, (env) => {
    const result = loadConfig(env, BASE);
    assert.ok(result.ok || result.problems.length > 0);
  }));
});
